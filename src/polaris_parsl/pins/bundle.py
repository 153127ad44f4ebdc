"""A bundle on disk: its names, its SHA256SUMS, and the checks before anything of it is used."""

import hashlib
import json
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from polaris_parsl.env.receipt import FORMAT
from polaris_parsl.env.release_names import CURRENT, release_name
from polaris_parsl.errors import BundleError
from polaris_parsl.files import digest, read_regular
from polaris_parsl.installs import RECEIPT

SUMS = "SHA256SUMS"
# of SHA256SUMS, which cannot name it
SIGNATURE = f"{SUMS}.sig"
BASE = "base.json"
# receipt of the locked base, if the install is on that
LOCKED_BASE = "locked-base.json"
SOURCE = "source"
RUN = "run"
WHEELHOUSE = "wheelhouse"

_AGAIN = "copy or unpack the bundle again; if that does not help, ask its author"
# receipts and sums of whole installs are a hundredth of it
TEXT_BYTES_MAX = 64 << 20
_RELEASE = re.compile(r"[0-9][A-Za-z0-9.]*(-[A-Za-z0-9][A-Za-z0-9._-]*)?")
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_NEEDED = (RECEIPT, BASE, f"{SOURCE}/scripts/bootstrap.py")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files all match SHA256SUMS.

    Attributes:
        place: the path that the user gave: the directory, or the archive it was unpacked from.
        folder: the directory.
        sums: sha256 of each file, by its name below the folder.
        receipt: receipt of the pinned install.
        base: the fingerprint of its base when it was pinned, with licences.
        identity: the sha256 of its SHA256SUMS, which identifies the whole bundle.
    """

    place: Path
    folder: Path
    sums: Mapping[str, str]
    receipt: Mapping[str, Any]
    base: Mapping[str, Any]
    identity: str = ""

    @property
    def is_signed(self) -> bool:
        """Whether there is a signature; whose it is, says `signature.signer_of`."""
        return (self.folder / SIGNATURE).is_file()

    @property
    def locked_base(self) -> Mapping[str, Any] | None:
        """The receipt of the locked base; None if the pinned install is on another."""
        if not self.receipt.get("locked_base") or LOCKED_BASE not in self.sums:
            return None
        return _read_json(self.folder / LOCKED_BASE, _BASE_KEYS)

    @property
    def wheelhouse(self) -> Path | None:
        """The wheelhouse of the bundle; None if it has none."""
        inside = any(name.startswith(f"{WHEELHOUSE}/") for name in self.sums)
        return self.folder / WHEELHOUSE if inside else None


def write_sums(folder: Path) -> str:
    """Write SHA256SUMS for all files of a folder, in the form of sha256sum.

    Returns:
        The sha256 of SHA256SUMS itself.

    Raises:
        BundleError: a file has a name that the form cannot hold.
    """
    lines = [f"{digest(folder / name)}  {name}\n" for name in files_below(folder)]
    text = "".join(lines)
    (folder / SUMS).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def open_bundle(folder: Path) -> Bundle:
    """Check all of a bundle, and read its receipt and base.

    Raises:
        BundleError: it is not a bundle, or differs from SHA256SUMS; it holds links or special
            files, or names files outside itself; its parts contradict each other.
    """
    if not folder.is_dir():
        raise BundleError(
            f"there is no bundle {folder}", remedy="name a bundle that `polaris-parsl pin` made"
        )
    text = _read_sums(folder)
    sums = _parse_sums(folder / SUMS, text)
    present = set(files_below(folder))
    for names, what in (
        (sums.keys() - present, f"{SUMS} names files that are missing"),
        (present - sums.keys(), f"it has files that {SUMS} does not name"),
        (set(_NEEDED) - sums.keys(), "it is not a bundle of polaris-parsl, it lacks"),
    ):
        if names:
            raise BundleError(f"{folder}: {what}: {_shown(names)}", remedy=_AGAIN)
    changed = {name for name, expected in sums.items() if _digest(folder / name) != expected}
    if changed:
        raise BundleError(f"{folder}: files differ from {SUMS}: {_shown(changed)}", remedy=_AGAIN)
    bundle = Bundle(
        place=folder,
        folder=folder,
        sums=sums,
        receipt=_read_json(folder / RECEIPT, _RECEIPT_KEYS),
        base=_read_json(folder / BASE, ()),
        identity=hashlib.sha256(text).hexdigest(),
    )
    _refuse_contradiction(bundle)
    return bundle


_BASE_KEYS = (("prefix_bound", list), ("links", dict), ("files", dict))
_RECEIPT_KEYS = (
    ("version", str),
    ("prefix", str),
    ("locks", dict),
    ("base", dict),
    ("overlay", list),
    ("from_base", dict),
    ("prefix_bound", list),
    ("links", dict),
    ("files", dict),
)


def _refuse_contradiction(bundle: Bundle) -> None:
    made = bundle.receipt.get("format")
    if made != FORMAT:
        raise BundleError(
            f"{bundle.folder / RECEIPT} has format {made}; this polaris-parsl reads {FORMAT}",
            remedy=f"use the polaris-parsl that is inside: python3 -I {SOURCE}/scripts/bootstrap.py",
        )
    release = release_name(bundle.receipt["version"], bundle.receipt.get("track", CURRENT))
    # the name of a directory in somebody's prefix
    if not _RELEASE.fullmatch(release):
        raise BundleError(
            f"{bundle.folder / RECEIPT} names the version {release!r}, which is none",
            remedy="do not use this bundle; ask its author",
        )
    for name, expected in bundle.receipt["locks"].items():
        if bundle.sums.get(f"{SOURCE}/{name}") != expected:
            raise BundleError(
                f"{bundle.folder}: {SOURCE}/{name} is not the lock that {RECEIPT} names",
                remedy=_AGAIN,
            )


def _read_sums(folder: Path) -> bytes:
    path = folder / SUMS
    try:
        return read_regular(path, most_bytes=TEXT_BYTES_MAX, through_link=False)
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else error.strerror
        raise BundleError(f"cannot read {path}: {reason}", remedy=_AGAIN) from error


def _parse_sums(path: Path, text: bytes) -> dict[str, str]:
    try:
        lines = text.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise BundleError(f"cannot read {path}: it is not text", remedy=_AGAIN) from error
    sums: dict[str, str] = {}
    for line in lines:
        entry = _LINE.fullmatch(line)
        if entry is None:
            raise BundleError(f"{path} has the line {line[:200]!r}", remedy=_AGAIN)
        name = entry[2]
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or str(PurePosixPath(name)) != name:
            raise BundleError(
                f"{path} names {name!r}, which is not a file below the bundle",
                remedy="do not use this bundle; ask its author",
            )
        if name in sums:
            raise BundleError(f"{path} names {name} twice", remedy=_AGAIN)
        sums[name] = entry[1]
    return sums


def files_below(folder: Path) -> Iterator[str]:
    """The names of all files below a folder except SHA256SUMS and its signature, sorted.

    Raises:
        BundleError: it holds a link or a special file, or a name that could mislead.
    """
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        kind = path.lstat().st_mode
        if stat.S_ISDIR(kind):
            continue
        if not stat.S_ISREG(kind):
            what = "a link" if stat.S_ISLNK(kind) else "a special file"
            raise BundleError(
                f"{folder}: {name} is {what}; a bundle holds files and directories only",
                remedy="do not use this bundle; ask its author",
            )
        if not name.isprintable() or "\\" in name:
            raise BundleError(
                f"{folder} has a file named {name!r}", remedy="use names without control characters"
            )
        if name not in (SUMS, SIGNATURE):
            found.append(name)
    yield from sorted(found)


def _digest(path: Path) -> str:
    try:
        return digest(path)
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}", remedy=_AGAIN) from error


def _read_json(path: Path, keys: tuple[tuple[str, type], ...]) -> dict[str, Any]:
    try:
        data = json.loads(read_regular(path, most_bytes=TEXT_BYTES_MAX, through_link=False))
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}", remedy=_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not JSON: {error}", remedy=_AGAIN) from error
    if not isinstance(data, dict):
        raise BundleError(f"{path} is damaged: it is not a JSON object", remedy=_AGAIN)
    lacking = [name for name, kind in keys if not isinstance(data.get(name), kind)]
    if lacking:
        raise BundleError(f"{path} is damaged: it lacks {_shown(lacking)}", remedy=_AGAIN)
    return data


def _shown(names: Collection[str]) -> str:
    first, more = sorted(names)[:5], len(names) - 5
    return ", ".join(first) + (f" and {more} more" if more > 0 else "")
