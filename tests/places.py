"""Small installs for tests of modules: rendered, not built, beside a site with conda modules."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.modules.modulefile import ModuleValues, render_defaults, render_modulefiles
from polaris_parsl.installs import LUA_TREE, TCL_TREE

SITE = Path(__file__).parent / "module" / "site"
CONDA = "conda/2025-09-25"


@dataclass
class Place:
    """A prefix with small installs, and a site with conda modules, modules named as Cray's, and others.

    Both have the layout of one module system: its tree's name, and what its modulefiles end in.
    """

    prefix: Path
    soft: Path
    tree: str
    suffix: str

    @property
    def use(self) -> str:
        """Shell text that puts the prefix on MODULEPATH, and only that."""
        return f"module use '{self.prefix}/{self.tree}'"

    @property
    def site_tree(self) -> Path:
        return self.soft / self.tree

    def root(self, version: str) -> Path:
        return self.prefix / "versions" / version

    def conda_prefix(self, conda: str = CONDA) -> Path:
        return self.soft / "applications" / conda / "mconda3"

    def conda(self, name: str) -> None:
        """Add a conda module and what it holds."""
        prefix = self.conda_prefix(name)
        (prefix / "etc/profile.d").mkdir(parents=True)
        text = (SITE / "conda.sh").read_text().replace("CONDA_STUB_PREFIX", str(prefix))
        (prefix / "etc/profile.d/conda.sh").write_text(text)
        executable(prefix / "bin/python", f"echo python of {name}")
        (prefix / "conda-meta").mkdir()
        (prefix / "conda-meta/history").write_text("==> 2026-10-09 00:00:00 <==\n")
        for folder in ("bin", "condabin"):
            executable(prefix / folder / "conda", "echo conda 26.7.1")
        # as conda's: `source activate NAME` takes the first on PATH, and condabin/ has none
        executable(prefix / "bin/activate", "echo activate of conda")
        self.modulefile(name, (SITE / f"conda{self.suffix or '.tcl'}").read_text())

    def modulefile(self, name: str, text: str) -> None:
        """Add a module of the site."""
        path = self.site_tree / f"{name}{self.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add(self, version: str, conda: str | None = CONDA, **values: Any) -> Path:
        """Publish a small install; returns its root."""
        root = self.root(version)
        executable(root / "bin/polaris-parsl", f"echo command of {version}")
        (root / "receipt.json").write_text("{}")
        (root / "overlay/bin").mkdir(parents=True)
        base = self.conda_prefix(conda) / "bin/python" if conda else Path("/bin/true")
        (root / "overlay/bin/python").symlink_to(base)
        self.render(version, conda, **values)
        return root

    def render(self, version: str, conda: str | None = CONDA, **values: Any) -> None:
        """Write the modulefiles of an install."""
        given = ModuleValues(
            version=version,
            lock="0123456789ab",
            prefix=self.prefix,
            parsl="2026.10.26",
            base=f"CPython 3.12.11 of {conda or '/usr'}",
            conda_module=conda,
            conda_modulefile=self.site_tree / f"{conda}{self.suffix}" if conda else None,
            site_tree=self.site_tree,
            parallel_module=None,
        )
        self._write(render_modulefiles(ModuleValues(**{**vars(given), **values})))

    def defaults(self, default: str | None, *hidden: str) -> None:
        """Name default and hidden versions."""
        self._write(render_defaults(default=default, hidden=hidden))

    def _write(self, files: dict[Path, str]) -> None:
        for path, text in files.items():
            (self.prefix / path).parent.mkdir(parents=True, exist_ok=True)
            (self.prefix / path).write_text(text)


def executable(path: Path, body: str) -> None:
    """Write a small program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def lmod_place(folder: Path, prefix: str = "project") -> Place:
    """A site with two conda modules, and a prefix with an install on each; 1.0 is the default."""
    place = Place(folder / prefix, folder / "soft", LUA_TREE, ".lua")
    for name in ("PrgEnv-gnu/8.6.0", "PrgEnv-nvidia/8.6.0"):
        place.modulefile(name, 'family("PrgEnv")\n')
    place.modulefile("gcc-native/14", 'setenv("GCC_VERSION", "14")\n')
    place.modulefile("cray-hdf5-parallel/1.14.3.9", 'setenv("HDF5_ROOT", "/opt/hdf5")\n')
    place.modulefile("cray-python/3.11.7", 'family("python")\n')
    return _with_installs(place)


def tcl_place(folder: Path, prefix: str = "project") -> Place:
    """The same for Environment Modules."""
    place = Place(folder / prefix, folder / "soft", TCL_TREE, "")
    for name in ("PrgEnv-gnu/8.6.0", "gcc-native/14"):
        place.modulefile(name, f"#%Module\nsetenv {name[:3].upper()} 1\n")
    return _with_installs(place)


def _with_installs(place: Place) -> Place:
    place.conda(CONDA)
    place.conda("conda/2026-10-09")
    place.add("1.0")
    place.add("2.0", "conda/2026-10-09")
    place.defaults("1.0")
    return place
