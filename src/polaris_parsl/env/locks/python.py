"""The Python part: the locks of overlay and tools, solved by uv, headed by what they were solved from."""

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.env.locks.files import (
    TOOL_LOCKS,
    TOOLS_LOCK,
    overlay_lock,
    read_requirements,
    read_tracks,
)
from polaris_parsl.env.locks.solvers import solve
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.env.tools import uv_program
from polaris_parsl.errors import LockError

# The interpreters that the locks are for; uv leaves out the wheels of all others.
_PROJECT = """\
[project]
name = "solve"
version = "0"
requires-python = ">=3.11,<3.14"

[dependency-groups]
{groups}

[tool.uv]
environments = [
    "sys_platform == 'linux' and platform_machine == 'x86_64' and implementation_name == 'cpython'",
]
constraint-dependencies = {constraints}
"""

_TITLE = "# Written by `polaris-parsl lock`, with uv; do not edit.\n"
_FROM, _WITHIN = "# from ", "# within "


@dataclass(frozen=True)
class Origin:
    """What a Python lock is solved from: requirements, and constraints on whatever they need."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """The first lines of the lock."""
        lines = [f"{_FROM}{text}\n" for text in self.requirements]
        lines += [f"{_WITHIN}{text}\n" for text in self.constraints]
        return "".join([_TITLE, *lines])


def python_origins(root: Path) -> dict[str, Origin]:
    """What each Python lock of a source tree must be solved from, by the name of the lock.

    Args:
        root: top of the source tree; environment.yml and pyproject.toml lie there.

    Raises:
        LockError: one of the two is missing or malformed.
    """
    tracks = read_tracks(root / "environment.yml")
    origins = {overlay_lock(name): Origin(tuple(wanted)) for name, wanted in tracks.items()}
    origins |= {name: Origin(_tools(root, name)) for name in TOOL_LOCKS}
    # the tools show and rehearse configurations: with the Parsl that the overlay has
    return {**origins, TOOLS_LOCK: Origin(_tools(root, TOOLS_LOCK), tuple(tracks[CURRENT]))}


def read_origin(lock: Path) -> Origin:
    """What a lock says that it was solved from."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return Origin(
        tuple(line.removeprefix(_FROM) for line in lines if line.startswith(_FROM)),
        tuple(line.removeprefix(_WITHIN) for line in lines if line.startswith(_WITHIN)),
    )


def lock_python(folder: Path, origins: Mapping[str, Origin], *, env: Mapping[str, str]) -> None:
    """Solve Python locks together, for all supported interpreters at once: one version a package.

    Args:
        folder: where the locks are written.
        origins: what each lock is solved from, by its name; they share their constraints.
        env: environment variables of uv.

    Raises:
        LockError: they have no solution.
        MissingToolError: uv is missing.
    """
    groups = {name.removesuffix(".lock"): origin for name, origin in origins.items()}
    what = ", ".join(origins)
    project = folder / f"{'+'.join(groups)}.project"
    project.mkdir()
    lines = [f"{group} = {json.dumps(each.requirements)}" for group, each in groups.items()]
    constraints = sorted({text for each in origins.values() for text in each.constraints})
    text = _PROJECT.format(groups="\n".join(lines), constraints=json.dumps(constraints))
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    uv = uv_program()
    python: list[str | Path] = ["--no-build", "--python", sys.executable]
    solve([uv, "lock", *python], what, cwd=project, env=env)
    for group, origin in groups.items():
        target = folder / f"{group}.lock"
        export: list[str | Path] = [uv, "export", "--frozen", "--only-group", group, "--no-header"]
        export += ["--no-annotate", *python, "--output-file", target]
        solve(export, target.name, cwd=project, env=env)
        pins = target.read_text(encoding="utf-8")
        target.write_text(origin.header + pins, encoding="utf-8")
        read_requirements(target)


def _tools(root: Path, name: str) -> tuple[str, ...]:
    """The list in pyproject.toml that a lock of the tools is solved from."""
    path = root / "pyproject.toml"
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        listed = tuple(project["optional-dependencies"][name.removesuffix(".lock")])
        # what explains and rehearses configurations is imported with them
        return (*project["dependencies"], *listed) if name == TOOLS_LOCK else listed
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise LockError(
            f"{path} has no list for {name}: {error!r}",
            remedy="use a complete source tree; the lists are its optional dependencies",
        ) from error
