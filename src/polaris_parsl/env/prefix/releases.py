"""The versions that a prefix holds: what lies under versions/, by the receipts."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from packaging.version import Version

from polaris_parsl import below
from polaris_parsl.env.prefix.state import State
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.env.release_names import CURRENT, is_release_name
from polaris_parsl.errors import ReceiptError, VersionError
from polaris_parsl.installs import VERSIONS, prefix_of, version_root


@dataclass(frozen=True)
class Release:
    """A version in a prefix, PREFIX/versions/NAME.

    Attributes:
        name: of its directory and module: the version of polaris-parsl, and the track if not
            current.
        root: its directory.
    """

    name: str
    root: Path

    @property
    def version(self) -> Version:
        """The version of polaris-parsl."""
        return Version(self.name.partition("-")[0])

    @property
    def track(self) -> str:
        """Which choice of Python packages it holds."""
        return self.name.partition("-")[2] or CURRENT

    @property
    def is_candidate(self) -> bool:
        """Whether it is a pre-release, as 2026.12.0rc1."""
        return self.version.is_prerelease

    @cached_property
    def read(self) -> Receipt | ReceiptError:
        """Its receipt, or why this cannot be read.

        The prefix is where the install lies now; if the path in the receipt leads here too,
        that spelling is kept.
        """
        return self._read(with_files=True)

    @cached_property
    def read_head(self) -> Receipt | ReceiptError:
        """The same, without files and links."""
        return self._read(with_files=False)

    def _read(self, *, with_files: bool) -> Receipt | ReceiptError:
        try:
            receipt = read_receipt(self.root, with_files=with_files)
        except ReceiptError as error:
            return error
        published = version_root(receipt.prefix, self.name)
        if published.is_dir() and published.samefile(self.root):
            return receipt
        return replace(receipt, prefix=prefix_of(self.root))


def find_releases(prefix: Path, state: State) -> list[Release]:
    """The versions that users see, newest first; of one number, the track current first."""
    found = [
        Release(name, version_root(prefix, name))
        for name in _folders(prefix)
        if is_release_name(name) and name not in state.withdrawn
    ]
    return sorted(found, key=lambda each: (each.version, each.track == CURRENT), reverse=True)


def _folders(prefix: Path) -> list[str]:
    with suppress(FileNotFoundError), below.opened(prefix, prefix / VERSIONS) as folder:
        return [name for name in below.names(folder) if below.is_folder(folder, name)]
    return []


def find_release(prefix: Path, state: State, name: str) -> Release:
    """The version of this name.

    Raises:
        VersionError: users see no such version.
    """
    found = {each.name: each for each in find_releases(prefix, state)}
    if name not in found:
        raise VersionError(
            f"{prefix} holds no version {name}; it holds: {', '.join(found) or 'none'}",
            remedy="name one of these; `polaris-parsl list` shows them",
        )
    return found[name]


def choose_default(releases: list[Release]) -> str | None:
    """The default if nobody chose one: the newest version that is not a pre-release."""
    usual = (each.name for each in releases if each.track == CURRENT and not each.is_candidate)
    return next(usual, None)


def default_of(releases: list[Release], state: State) -> str | None:
    """The version that is loaded if the user names none: the chosen one, if it exists."""
    if state.default in {each.name for each in releases}:
        return state.default
    return choose_default(releases)


def hidden(releases: list[Release], state: State) -> frozenset[str]:
    """Names of the hidden versions: pre-releases, which load only by their full name."""
    return frozenset(
        each.name for each in releases if each.is_candidate and each.name != state.default
    )
