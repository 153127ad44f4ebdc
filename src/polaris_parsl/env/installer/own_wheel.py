"""Our own wheel, built from the source tree by hatchling: once for each content of the tree."""

import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess

from polaris_parsl import below
from polaris_parsl.env.installer.archive import EPOCH_SECONDS
from polaris_parsl.env.prefix.staging import staging_name
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import MissingToolError
from polaris_parsl.files import oldest_first, source_tree, walk
from polaris_parsl.process import WORK_SECONDS, started

# in the user's cache
OWN = "own"
# a maintainer installs from many contents
_KEPT = 4


def build_own(folder: Path, *, env: Mapping[str, str], kind: str = "wheel") -> Path:
    """Build polaris_parsl from the source tree; the same source, the same bytes.

    Args:
        folder: an empty directory for the result.
        env: environment variables.
        kind: "wheel", or "sdist": the source tree in one file.

    Raises:
        MissingToolError: there is no source tree, or hatchling is missing or refuses it.
    """
    with _building(folder, env=env, kind=kind) as finish:
        return finish()


@contextmanager
def own_wheel(folder: Path, *, cache: Path, env: Mapping[str, str]) -> Iterator[Callable[[], Path]]:
    """The wheel of the source tree, built beside other work where the cache has none of this content.

    Args:
        folder: an empty directory for the wheel.
        cache: directory of the user, who alone can write it; made where it is missing.
        env: environment variables.

    Yields:
        What waits for the wheel, and returns it; it raises as build_own does.
    """
    source = source_tree("install")
    content = _content(source)
    if kept := _kept(cache / content, folder):
        yield lambda: kept
        return
    with _building(folder, env=env, kind="wheel") as finish:

        def build() -> Path:
            wheel = finish()
            # not what somebody has changed meanwhile
            if _content(source) == content:
                _keep(wheel, cache / content)
            return wheel

        yield build


def _content(source: Path) -> str:
    """A digest of all that the wheel is made of, and of what makes it."""
    settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    names = ["pyproject.toml", "README.md", "LICENSE", ".gitignore"]
    # its name is made of the locks
    lines = [sys.prefix]
    for name in sorted({*names, *wheel["only-include"], *wheel["force-include"]}):
        place = source / name
        inside = walk(place) if place.is_dir() else []
        files = [(f"{name}/{each}", Path(entry)) for each, entry in inside if entry.is_file()]
        files += [(name, place)] if place.is_file() else []
        for each, path in files:
            if "__pycache__" not in path.parts:
                runs = path.stat().st_mode & 0o100
                lines.append(f"{each} {runs:o} {sha256(path.read_bytes()).hexdigest()}")
    return sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]


def _kept(place: Path, folder: Path) -> Path | None:
    """A copy of the wheel in a directory of the cache, which another install may be forgetting."""
    for each in place.glob("polaris_parsl-*.whl"):
        with suppress(FileNotFoundError):
            return Path(shutil.copy(each, folder))
    return None


def _keep(wheel: Path, folder: Path) -> None:
    """Put a wheel into the cache, and forget all but the newest few."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / staging_name(wheel.name)
    shutil.copy(wheel, staged)
    staged.replace(folder / wheel.name)
    for each in oldest_first(folder.parent.iterdir())[:-_KEPT]:
        below.remove_path(each)


@contextmanager
def _building(folder: Path, *, env: Mapping[str, str], kind: str) -> Iterator[Callable[[], Path]]:
    source = source_tree("install" if kind == "wheel" else "wheelhouse")
    command: list[str | Path] = [sys.executable, "-I", "-m", "hatchling", "build"]
    command += ["-t", kind, "-d", folder]
    with started(
        command,
        cwd=source,
        env={**for_python(env), "SOURCE_DATE_EPOCH": str(EPOCH_SECONDS)},
        timeout_seconds=WORK_SECONDS,
    ) as finish:
        yield lambda: _built(finish(), folder, kind, source)


def _built(done: CompletedProcess[str], folder: Path, kind: str, source: Path) -> Path:
    built = sorted(folder.glob("polaris_parsl-*"))
    if done.returncode != 0 or len(built) != 1:
        raise MissingToolError(
            f"hatchling built no {kind} from {source}:\n    {done.stderr.strip()[-800:]}",
            remedy="start this command with scripts/install.sh, in a complete source tree",
        )
    return built[0]
