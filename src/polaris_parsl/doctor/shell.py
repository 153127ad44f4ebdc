"""Checks the user's shell: modules, PATH, and what its Python imports."""

import shlex
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.env.base.fingerprint import base_dependencies
from polaris_parsl.env.base.shadowed_packages import find_shadowed_packages
from polaris_parsl.env.modules.module_system import NONE_HERE, how_to_load, module_system
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.installs import (
    OVERLAY,
    install_of,
    is_same_place,
    lies_in_a_prefix,
    overlay_python,
)
from polaris_parsl.version import NAME

_LOAD_AGAIN = f"`module unload {NAME}; module load {NAME}`"
_SUFFIXES = {".py", ".pyc", ".so"}
_YES = ("yes", "y", "1", "on", "true")  # as Lmod takes them
_BY_PATH = ("interchange.py", "process_worker_pool.py")


def look_at_lmod(here: Here) -> Iterator[DoctorFinding]:
    """The shell has a module system."""
    system = module_system(here.env)
    if system is None:
        yield unknown(NONE_HERE)
        return
    tree = str(polaris().modulefiles)
    where = "on" if tree in here.env.get("MODULEPATH", "").split(":") else "not on"
    name = f"{system.name} {here.env.get('LMOD_VERSION', '')}".rstrip()
    if here.env.get("LMOD_CACHED_LOADS", "no").lower() in _YES:
        yield note(
            "LMOD_CACHED_LOADS is set: versions that are younger than Lmod's cache are neither shown nor loaded",
            "unset LMOD_CACHED_LOADS",
        )
    yield ok(f"{name}; {tree} is {where} MODULEPATH")


def look_at_module(here: Here) -> Iterator[DoctorFinding]:
    """The module of this install is loaded, and `python` is that of the module."""
    loaded = here.env.get("POLARIS_PARSL_MODULE")
    root = here.env.get("POLARIS_PARSL_ROOT")
    imported = _imported_from(here)
    if loaded and root:
        yield from _of_loaded(here, loaded, Path(root), imported)
    elif here.root is None:
        yield unknown("no polaris-parsl module is loaded, and there is no install to compare with")
    elif imported == here.root:
        yield note(f"no module is loaded, but {here.python} is of {here.root}")
    else:
        yield problem(
            f"no polaris-parsl module is loaded in this shell; `python` is {here.python or 'none'}",
            how_to_load(here.root.parents[1], here.root.name, here.env),
        )


def _of_loaded(
    here: Here, loaded: str, root: Path, imported: Path | None
) -> Iterator[DoctorFinding]:
    if imported and not is_same_place(imported, root):
        yield problem(
            f"{loaded} is loaded, but {here.python} imports polaris_parsl of {imported}",
            f"use both of one version: `module load {NAME}/{imported.name}`, or make the "
            "environment again on the loaded one (`polaris-parsl venv DIR`)",
        )
    elif here.root and not is_same_place(here.root, root):
        yield note(
            f"{loaded} of {root} is loaded; the checks of the install are of {here.root}",
            f"to check the loaded one: polaris-parsl doctor --root {root}",
        )
    elif loaded not in here.env.get("LOADEDMODULES", loaded).split(":"):
        yield problem(
            f"POLARIS_PARSL_MODULE is {loaded}, and the module system does not list it as loaded",
            _LOAD_AGAIN,
        )
    else:
        yield ok(f"{loaded} of {root} is loaded")


def look_at_path(here: Here) -> Iterator[DoctorFinding]:
    """No other Python comes before the overlay's on PATH."""
    root = here.env.get("POLARIS_PARSL_ROOT")
    if root is None:
        text = f"it is {here.python}" if here.python else "there is none"
        yield unknown(f"no module is loaded that would have put a `python` first; {text}")
        return
    overlay = overlay_python(Path(root)).parent
    active = here.env.get("VIRTUAL_ENV")
    if here.python and here.python.parent == overlay:
        if active and install_of(Path(active)):
            yield problem(
                f"the environment {active} is active, but the module was loaded after it, and its "
                f"`python` comes first: {here.python} sees none of the environment's packages",
                f"activate it after the module: source {shlex.quote(active)}/bin/activate",
            )
            return
        yield ok(f"`python` is {here.python}")
    elif _imported_from(here) == Path(root):
        yield ok(f"`python` is {here.python}, an environment on top of {overlay.parent}")
    elif here.python and str(overlay) in here.env.get("PATH", "").split(":"):
        yield _of_first(here, here.python, overlay)
    else:
        yield problem(
            f"{overlay} is not on PATH, although the module is loaded: something has set PATH "
            "back, as the `deactivate` of an environment that was active before does",
            _LOAD_AGAIN,
        )


def _of_first(here: Here, python: Path, overlay: Path) -> DoctorFinding:
    first = python.parent
    conda, venv = here.env.get("CONDA_PREFIX"), here.env.get("VIRTUAL_ENV")
    hides = f"{first} comes before {overlay} on PATH, so that `python` is {python}: "
    if conda and first == Path(conda, "bin"):
        return problem(
            f"{hides}`conda activate` came after the module and hides its overlay",
            "`conda deactivate`; if you need it, activate it before you load the module",
        )
    below = install_of(first.parent)
    if below and not below.is_dir():
        return problem(
            f"`python` is {python}, of an environment on the install {below}, which is gone",
            "make the environment again on the loaded one: `polaris-parsl venv DIR`",
        )
    if venv and first == Path(venv, "bin"):
        return problem(
            f"{hides}the environment {venv} was activated, and it is not one on this install",
            "`deactivate` it; for packages of your own on top, make one with `polaris-parsl venv`",
        )
    return problem(
        f"{hides}it was put there after the module was loaded",
        f"take it off PATH, or load the module last: {_LOAD_AGAIN}",
    )


def look_at_shadowed_packages(here: Here) -> Iterator[DoctorFinding]:
    """No file of the user comes before the packages of the install."""
    found = [*_python_variables(here), *_of_folder(here)]
    if here.receipt:
        used = frozenset(base_dependencies(here.receipt.base))
        each = find_shadowed_packages(
            here.receipt.locked, used, minor=here.receipt.minor, env=here.env
        )
        found += [problem(finding.text, finding.remedy) for finding in each]
    yield from found
    if not found:
        yield ok("no file here, on PYTHONPATH or in the user site hides a module that Parsl needs")


def _python_variables(here: Here) -> Iterator[DoctorFinding]:
    home = here.env.get("PYTHONHOME")
    if home:
        yield problem(f"PYTHONHOME is {home}, which breaks every environment", "`unset PYTHONHOME`")
    for word in here.env.get("PYTHONPATH", "").split(":"):
        found = _hiding(here.folder / word, _needed_of_python()) if word else ""
        if found:
            yield problem(
                f"PYTHONPATH: {word} holds {found}, which hides a module of Python",
                "`unset PYTHONPATH`, or rename the file",
            )


def _of_folder(here: Here) -> Iterator[DoctorFinding]:
    """A script imports the modules beside it before all others."""
    if here.env.get("PYTHONSAFEPATH"):
        return
    needed = _needed_of_python() | {"parsl", "polaris_parsl"}
    for folder in here.overlay.glob("lib/python3*/site-packages") if here.overlay else ():
        needed |= _importable(folder).keys()
        if here.folder == folder:
            return
    found = _hiding(here.folder, needed)
    if found:
        yield problem(
            f"{here.folder} holds {found}: Python started here, or on a script here, imports that "
            "in place of the real one",
            "rename it, or start from another directory",
        )


def _needed_of_python() -> set[str]:
    """The modules of Python's own library that this process uses; it imports Parsl, too."""
    in_use = {name.partition(".")[0] for name in sys.modules}
    return in_use & sys.stdlib_module_names


def look_at_python(here: Here) -> Iterator[DoctorFinding]:
    """The user's Python imports the Parsl and the polaris_parsl of the install."""
    if here.python is None:
        yield problem("there is no `python` on PATH", f"`module load {NAME}`")
        return
    answer = here.answer
    if isinstance(answer, str):
        yield problem(f"{here.python} does not start: {answer}", _LOAD_AGAIN)
        return
    errors = [
        f"{name}: {module['error']}"
        for name, module in (("parsl", answer.parsl), ("polaris_parsl", answer.polaris_parsl))
        if "error" in module
    ]
    if errors:
        yield problem(
            f"{here.python} (Python {answer.version}) does not import {'; '.join(errors)}",
            f"use the Python of the module: {_LOAD_AGAIN}",
        )
        return
    text = (
        f"Python {answer.version} imports parsl {answer.parsl['version']} and polaris_parsl "
        f"{answer.polaris_parsl['version']} of {Path(answer.parsl['file']).parents[1]}"
    )
    if here.root and not Path(answer.parsl["file"]).is_relative_to(here.root):
        yield note(f"{text}; this Parsl is not that of {here.root}")
    else:
        yield ok(text)


def look_at_commands(here: Here) -> Iterator[DoctorFinding]:
    """Parsl's own programs on PATH belong to the user's Python."""
    if here.python is None:
        yield problem("there is no `python` on PATH", f"`module load {NAME}`")
        return
    lost, strange = [], []
    for program in _BY_PATH:
        found = here.which(program)
        if found is None:
            lost.append(program)
        elif found.parent != here.python.parent:
            strange.append(str(found))
    own = "polaris_parsl.config does not look on PATH, other configurations of Parsl do"
    if strange:
        yield note(f"not of {here.python.parent}: {', '.join(strange)}; {own}")
    if lost:
        yield note(f"not on PATH: {', '.join(lost)}; {own}")
    if not strange and not lost:
        yield ok(f"{' and '.join(_BY_PATH)} are those of {here.python.parent}")


def _imported_from(here: Here) -> Path | None:
    """The install whose polaris_parsl the user's Python imports."""
    answer = here.answer if here.python else ""
    if isinstance(answer, str) or "file" not in answer.polaris_parsl:
        return None
    for place in Path(answer.polaris_parsl["file"]).parents:
        if place.name == OVERLAY and lies_in_a_prefix(place.parent):
            return place.parent
    return None


def _hiding(folder: Path, names: AbstractSet[str]) -> str:
    """The entries of a directory that `import` would find for these modules."""
    return ", ".join(sorted(file for name, file in _importable(folder).items() if name in names))


def _importable(folder: Path) -> dict[str, str]:
    """The modules that a directory offers to `import`, and the entry of each."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return {}
    files = {each.name.partition(".")[0]: each.name for each in entries if each.suffix in _SUFFIXES}
    return files | {each.name: each.name for each in entries if (each / "__init__.py").is_file()}
