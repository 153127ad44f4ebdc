"""GNU Parallel: from conda-lock.yml where the channel answers, else from PATH, else none."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.installer.conda_archives import channel_silence, lacking
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.env.receipt import NO_PARALLEL
from polaris_parsl.env.variables import for_python
from polaris_parsl.installs import receipt_of
from polaris_parsl.process import run

_ANSWER_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Parallel:
    """Which GNU Parallel an install offers: source is "conda-lock.yml", "PATH" or NO_PARALLEL."""

    source: str
    version: str | None = None
    path: Path | None = None
    packages: tuple[CondaPackage, ...] = ()
    note: str = ""

    def facts(self) -> dict[str, Any]:
        """As it is written into a receipt."""
        return {
            "source": self.source,
            "version": self.version,
            "path": str(self.path) if self.path else None,
            "packages": [
                {"name": each.name, "version": each.version, "url": each.url, "sha256": each.sha256}
                for each in self.packages
            ],
        }


def choose_parallel(
    packages: Sequence[CondaPackage],
    env: Mapping[str, str],
    *,
    archives: Path | None = None,
    mirror: str | None = None,
) -> Parallel:
    """Take the locked one where its archives can be had, else the one on PATH, else none.

    Args:
        packages: GNU Parallel and what it needs, of conda-lock.yml.
        env: environment variables; PATH counts.
        archives: directory to take the archives from; None asks the channel.
        mirror: address of a copy of the channel, to ask in its place.
    """
    if archives is None:
        why = channel_silence(packages, env, mirror=mirror)
    else:
        why = lacking(packages, archives)
    if why is None:
        version = next((each.version for each in packages if each.name == "parallel"), None)
        return Parallel("conda-lock.yml", version=version, packages=tuple(packages))
    found = shutil.which("parallel", path=_without_installs(env.get("PATH", "")))
    version = gnu_version(Path(found), env) if found else None
    if found and version:
        note = f"GNU Parallel: {why}, so the one on PATH stands in"
        return Parallel("PATH", version=version, path=Path(found), note=note)
    kind = f"{found} is not GNU Parallel" if found else "there is none on PATH"
    return Parallel(
        NO_PARALLEL,
        note=f"GNU Parallel: {why} and {kind}: "
        "launcher='gnu_parallel' will not work, the default launcher does not need it",
    )


def _without_installs(path: str) -> str:
    """A PATH without bin/ of installs, as of a loaded module: another install must not need them."""
    kept = [each for each in path.split(":") if not receipt_of(Path(each).parent).is_file()]
    return ":".join(kept)


def gnu_version(program: Path, env: Mapping[str, str]) -> str | None:
    """Version of GNU Parallel; None for another program of that name, like that of moreutils."""
    try:
        done = run(
            [program, "--version"], env=for_python(env), timeout_seconds=_ANSWER_TIMEOUT_SECONDS
        )
    except OSError:
        return None
    words = done.stdout.split()
    return words[2] if words[:2] == ["GNU", "parallel"] and len(words) > 2 else None
