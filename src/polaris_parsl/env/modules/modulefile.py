"""Rendering what a module tree holds: modulefiles and the file that names default and hidden ones.

Each version has two modulefiles from the same values: one in Lua for Lmod 8.6 and
later, one in Tcl for Environment Modules 5.1 and later.
"""

import hashlib
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from polaris_parsl.env.modules.base_module import tree_of
from polaris_parsl.env.receipt import Receipt
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import shipped
from polaris_parsl.installs import LUA_TREE, TCL_TREE, rebase_command, version_root
from polaris_parsl.version import NAME, VERSION

if TYPE_CHECKING:
    import jinja2

_SUFFIXES = {LUA_TREE: ".lua", TCL_TREE: ""}


@dataclass(frozen=True)
class ModuleValues:
    """What a modulefile is filled with.

    Attributes:
        version: name of the version's directory and module.
        lock: short digest of the locks.
        prefix: the prefix; the install is its versions/VERSION.
        parsl: version of Parsl.
        base: description of the base.
        conda_module: ALCF's module that holds the base; None if the base is in no module.
        conda_modulefile: where its modulefile lay at install time; None if that is not known.
        site_tree: module tree in which conda_module lies.
        parallel_module: the site's module to load for GNU Parallel, where there is one; None
            if the install has GNU Parallel.
        deprecation: the notice that is shown on load; None if the version is not deprecated.
    """

    version: str
    lock: str
    prefix: Path
    parsl: str
    base: str
    conda_module: str | None
    conda_modulefile: Path | None
    site_tree: Path
    parallel_module: str | None
    deprecation: str | None = None

    @property
    def root(self) -> Path:
        """The install."""
        return version_root(self.prefix, self.version)


def values_of(receipt: Receipt, *, deprecation: str | None = None) -> ModuleValues:
    """The values of an install, of which all but the deprecation stand in its receipt."""
    module = receipt.base["module"] or {}
    name = module.get("name")
    file = Path(module["file"]) if module.get("file") else None
    return ModuleValues(
        version=receipt.release,
        lock=_short_digest(receipt.locks),
        prefix=receipt.prefix,
        parsl=receipt.parsl,
        base=receipt.base_words,
        conda_module=name,
        conda_modulefile=file,
        site_tree=tree_of(name or "", file),
        parallel_module=None if receipt.has_parallel else polaris().parallel_module,
        deprecation=deprecation,
    )


def _short_digest(locks: Mapping[str, str]) -> str:
    """Short digest of the locks together, from the digest of each by name."""
    text = "".join(f"{name}:{value}\n" for name, value in sorted(locks.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def modulefile(tree: Path, version: str) -> Path:
    """Where the modulefile of a version lies in one of the two module trees."""
    return tree / NAME / f"{version}{_SUFFIXES[tree.name]}"


def render_modulefiles(values: ModuleValues) -> dict[Path, str]:
    """The modulefiles of one version, by their paths below the prefix."""
    texts = _texts(values)
    return {
        modulefile(Path(tree), values.version): _render(
            f"polaris-parsl.{dialect}.j2",
            {**vars(values), **texts, "root": values.root, "module_tree": values.prefix / tree},
        )
        for tree, dialect in ((LUA_TREE, "lua"), (TCL_TREE, "tcl"))
    }


def render_defaults(*, default: str | None, hidden: Collection[str] = ()) -> dict[Path, str]:
    """The files that name default and hidden versions, by their paths below the prefix.

    Args:
        default: the version that is loaded if the user names none; None leaves the choice to the
            module system, which takes the highest.
        hidden: versions that are shown and loaded only by their full name.
    """
    values = {"version": VERSION, "default": default, "hidden": sorted(hidden)}
    return {
        Path(LUA_TREE, NAME, ".modulerc.lua"): _render("modulerc.lua.j2", values),
        Path(TCL_TREE, NAME, ".modulerc"): _render("modulerc.tcl.j2", values),
    }


def _texts(values: ModuleValues) -> dict[str, object]:
    """What a modulefile says, as finished sentences."""
    module = f"{NAME}/{values.version}"
    newer = f"load a newer {NAME}; `module avail {NAME}` lists them"
    own = f"or build it again on a Python of its own: {rebase_command(values.root)}"
    return {
        "help": (
            f"{NAME} {values.version}: Parsl {values.parsl} on Polaris.\n"
            "\n"
            "Adds to your environment:\n"
            f"  python          {values.base}, with Parsl and polaris_parsl on top\n"
            "  polaris-parsl   shows, checks and rehearses configurations\n"
            "\n"
            "In Python:\n"
            "  import parsl, polaris_parsl\n"
            "  parsl.load(polaris_parsl.config(account='PROJECT', walltime='1:00:00'))\n"
            "\n"
            f"Installed in {values.root}\n"
        ),
        "whatis": [
            f"Name: {NAME}",
            f"Version: {values.version}",
            "Category: workflow, python",
            "Keywords: parsl, workflow, python, gpu, pbs",
            "URL: https://docs.alcf.anl.gov/polaris/workflows/parsl/",
            f"Description: Parsl {values.parsl}, configured for Polaris",
        ],
        "unreadable": (
            f"{module}: cannot read {values.root}\n"
            "  fix: ask its owner whether it was removed or is closed to you; "
            f"`module avail {NAME}` lists the others"
        ),
        "python_home": (
            f"{module}: PYTHONHOME is set, and no Python of an environment starts with it\n"
            "  fix: unset PYTHONHOME"
        ),
        "python_path": (
            f"{module}: PYTHONPATH is set: what lies there is imported before the packages of the "
            "install\n  fix: unset PYTHONPATH"
        ),
        "active": f"{module}: an environment is active, whose `deactivate` takes the module off PATH: ",
        "active_fix": "\n  fix: deactivate it, load the module, and activate it after that",
        "conda_gone": (
            f"{module} needs the module {values.conda_module}, which this system no longer has\n"
            f"  fix: {newer}; {own}"
        ),
        "conda_not_seen": (
            f"{module} needs the module {values.conda_module}, which is there, but a cache of Lmod does not "
            "know it\n  fix: export LMOD_CACHED_LOADS=no, and load this module again"
        ),
        "conda_broken": (
            f"{module} needs the module {values.conda_module}, which does not load here\n"
            f"  fix: {newer}; tell the site of `module load {values.conda_module}`"
        ),
        "other_base": (
            f"{module} needs the module {values.conda_module}, and another version of it is loaded, "
            f"as by a collection that was saved when {NAME} stood on that\n"
            f"  fix: module purge; module use {shlex.quote(str(values.prefix / LUA_TREE))}; "
            f"module load {module}; then save the collection again with `module save NAME`"
        ),
        "exact_match": (
            f"{module}: LMOD_EXACT_MATCH=yes lets no module load without its version, and "
            f"{values.conda_module} loads "
        ),
        "exact_match_fix": "\n  fix: unset LMOD_EXACT_MATCH",
        "conda_needs": f"{module} needs the module {values.conda_module}, which fails to load: "
        "its dependency ",
        "conda_needs_fix": f" is not available\n  fix: {newer}; tell the site of `module load {values.conda_module}`; {own}",
        "not_for_lmod": (
            f"{values.prefix / TCL_TREE} is for Environment Modules, not for Lmod\n"
            f"  fix: module use {values.prefix / LUA_TREE}"
        ),
        "base_gone": f"{module}: its base is gone: {values.base}\n  fix: {newer}; {own}",
    }


def lua(value: object) -> str:
    """A Lua string literal that means exactly this text."""
    quoted = re.sub(r'[\x00-\x1f\x7f"\\]', lambda found: f"\\{ord(found[0]):03d}", str(value))
    return f'"{quoted}"'


def tcl(value: object) -> str:
    """A Tcl word that means exactly this text."""
    quoted = re.sub(
        r'[\x00-\x1f\x7f"\\$\[\]{};]',
        lambda found: f"\\u{ord(found[0]):04x}",
        str(value),
    )
    return f'"{quoted}"'


def comment(value: object) -> str:
    """Text that stays within one line of a comment."""
    return " ".join(str(value).split())


def _render(template: str, values: Mapping[str, object]) -> str:
    return _templates().get_template(template).render({**values, "name": NAME})


@cache
def _templates() -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415 - it takes its time, and many only ask where a modulefile lies

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(shipped("modulefiles")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(lua=lua, tcl=tcl, comment=comment)
    return environment
