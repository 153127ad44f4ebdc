"""Rendering the modulefile and the file that names the default version, for Lmod 8.6 and later."""

from dataclasses import asdict, dataclass
from pathlib import Path

import jinja2

from polaris_parsl.files import shipped
from polaris_parsl.version import NAME


@dataclass(frozen=True)
class ModuleValues:
    """What the templates are filled with.

    Attributes:
        version: of polaris-parsl.
        lock: short digest of the locks.
        root: the install, PREFIX/versions/VERSION.
        module_tree: PREFIX/modulefiles.
        parsl: version of Parsl.
        base: the base in words.
        conda_module: ALCF's module that holds the base; None where the base is in no module.
        site_tree: module tree in which conda_module lies.
    """

    version: str
    lock: str
    root: Path
    module_tree: Path
    parsl: str
    base: str
    conda_module: str | None
    site_tree: Path


def lua(value: object) -> str:
    """A Lua string literal that means exactly this text."""
    text = str(value)
    quoted = "".join(
        f"\\{ord(char):03d}" if ord(char) < 0x20 or ord(char) == 0x7F or char in '"\\' else char
        for char in text
    )
    return f'"{quoted}"'


def comment(value: object) -> str:
    """Text that stays within one line of a Lua comment."""
    return " ".join(str(value).split())


def render_modulefile(values: ModuleValues) -> str:
    """The modulefile of one version."""
    return _render("polaris-parsl.lua.j2", values)


def render_default(values: ModuleValues) -> str:
    """The .modulerc.lua that makes this version the default."""
    return _render("modulerc.lua.j2", values)


def _render(template: str, values: ModuleValues) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(shipped("modulefiles")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(lua=lua, comment=comment)
    return environment.get_template(template).render(asdict(values) | {"name": NAME})
