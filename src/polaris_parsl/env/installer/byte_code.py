"""Byte code of the modules of wheels: compiled once by a Python, and kept in the user's cache for the next install."""

import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from zlib import error as ZlibError

from polaris_parsl.env.base.choice import Base
from polaris_parsl.env.installer.wheel_files import OpenWheel
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import LockError
from polaris_parsl.files import oldest_first
from polaris_parsl.installs import STAGING
from polaris_parsl.process import WORK_SECONDS, run

# no run and no command imports these; they are half of the byte code of Parsl
NOT_COMPILED = "/parsl/tests/"

# in the user's cache
BYTE_CODE = "bytecode"

_PROGRAM = Path(__file__).with_name("compile_modules.py")
# of the same distribution: releases of Parsl, and our own after each change of the source tree
_KEPT = 4


def byte_code(
    wheels: Sequence[OpenWheel], *, base: Base, cache: Path, env: Mapping[str, str]
) -> dict[str, dict[str, bytes]]:
    """The byte code of each wheel: by the name of the source below site-packages.

    It holds no time and no path of the environment, so the same wheel gives the same bytes.
    Python does not look at the source again, which saves half of the file accesses of an import;
    an install is never edited.

    Args:
        wheels: opened, so compared with their locks.
        base: whose Python compiles.
        cache: directory of the user, who alone can write it; made where it is missing.
        env: environment variables.

    Raises:
        LockError: the Python of the base compiles nothing.
    """
    places = {each: cache / _name(each, base) for each in wheels}
    found = {
        each: code for each, place in places.items() if (code := _read(each, place)) is not None
    }
    if lacking := [each for each in wheels if each not in found]:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=cache) as name:
            made = {each: Path(name, str(number)) for number, each in enumerate(lacking)}
            _compile(made, base, env)
            for each, archive in made.items():
                code = _read(each, archive)
                if code is None:
                    raise _not_compiled(base, f"{each.wheel.path.name} was not compiled")
                found[each] = code
                _forget_older(places[each])
                archive.replace(places[each])
    return {each.wheel.name: found[each] for each in wheels}


def _name(opened: OpenWheel, base: Base) -> str:
    words = [opened.wheel.sha256, str(base.answer["interpreter"]["build"]), NOT_COMPILED]
    return f"{opened.wheel.name}-{sha256(chr(10).join(words).encode()).hexdigest()[:16]}.zip"


def _read(opened: OpenWheel, archive: Path) -> dict[str, bytes] | None:
    """What an archive of byte code holds; None if there is none, or it is damaged."""
    try:
        with zipfile.ZipFile(archive) as content:
            # each member is compared with its CRC; the last one says that all were written
            code = {name: content.read(name) for name in content.namelist()}
    except (OSError, zipfile.BadZipFile, ZlibError, EOFError):
        return None
    if code.pop("complete", None) is None:
        return None
    return code if code.keys() <= set(opened.modules().values()) else None


def _compile(made: Mapping[OpenWheel, Path], base: Base, env: Mapping[str, str]) -> None:
    site = f"lib/python{base.minor}/site-packages"
    jobs = [
        {
            "wheel": str(each.wheel.path),
            "archive": str(archive),
            "modules": {
                member: name
                for member, name in each.modules().items()
                if NOT_COMPILED not in f"/{name}"
            },
            "below": site,
        }
        for each, archive in made.items()
    ]
    command: list[str | Path] = [base.executable, "-I", "-S", "-B", _PROGRAM]
    done = run(
        command,
        # a set in byte code has the order of its hashes
        env={**for_python(env), "PYTHONHASHSEED": "0"},
        cwd=Path("/"),
        stdin=json.dumps(jobs),
        timeout_seconds=WORK_SECONDS,
    )
    if done.returncode != 0:
        raise _not_compiled(base, done.stderr.strip()[-800:])


def _forget_older(place: Path) -> None:
    """Keep the newest few of a distribution."""
    stem = place.name.rpartition("-")[0]
    others = oldest_first(place.parent.glob(f"{stem}-{'[0-9a-f]' * 16}.zip"))
    for each in others[: -(_KEPT - 1)]:
        each.unlink(missing_ok=True)


def _not_compiled(base: Base, why: str) -> LockError:
    return LockError(
        f"{base.executable} compiled no byte code: {why}",
        remedy="choose another base with --base, or report this",
    )
