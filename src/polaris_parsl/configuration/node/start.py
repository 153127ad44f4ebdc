"""Start a program whose imports come from one file; standard library only.

    python -P start.py IMAGE FOLDER -- MODULE ARGUMENTS...

IMAGE is what `record.py` wrote, or "-". FOLDER goes to the end of the module path, so that nothing in it
hides a module of Python, Parsl or the environment; "-" is none. Without an image, each import of each
process looks for its file in directory after directory, on a file system that all nodes share.

Where the interpreter is a copy on the node's own disk, beside IMAGE, POLARIS_PARSL_IDENTITY says which one it
stands for; compiled libraries then come from beside IMAGE, too, and all else from where it was installed.

What an import gives is the same: modules have their names, files and sources; and a module that comes
first on `sys.path` wins, wherever it comes from. Only the interpreter that made the image uses it.
"""

# Nothing here may be read from a file: these are all built into Python.
import _imp
import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import (
    ExtensionFileLoader,
    PathFinder,
    SourceFileLoader,
    spec_from_file_location,
)

# mypy knows this name
TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

# In an archive of a run: packages of the user's by name, each with its directory of sys.path; and where they lie.
NAMES, PACKAGES = "packages.names", "packages"
MAGIC = b"polaris-parsl image 1\n"
_IDENTITY = "POLARIS_PARSL_IDENTITY"
_LENGTH_BYTES = 8


class Image:
    """Byte code of modules.

    Attributes:
        path: the file.
        roots: directories of sys.path whose modules it holds, in their order there.
        modules: by name, the number of its root, its path below that, whether it is a package, and
            place and size of its byte code in the file; an extension has none.
        sources: size and time of change of each file of the base that it holds, when it was made.
        absent: modules that were asked for and were in none of the roots.
        distributions: by number of a root, its time of change and its packages with their versions.
    """

    def __init__(self, path: str, root: str = "") -> None:
        self.path = path
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (pathlib is many files)
            self._data = file.read()
        start = len(MAGIC) + _LENGTH_BYTES
        if self._data[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is no image of modules")
        length = int.from_bytes(self._data[len(MAGIC) : start], "little")
        header = marshal.loads(self._data[start : start + length])
        self._bodies = start + length
        above = (root or path.rpartition("/")[0]) + "/"
        self.roots = [root if root.startswith("/") else above + root for root in header["roots"]]
        self.modules = header["modules"]
        self.sources = header["sources"]
        self.absent = header["absent"]
        self.distributions = header["distributions"]
        self.is_fit = header["python"] == sys.version and not sys.flags.optimize

    def code(self, offset: int, size: int, path: str) -> object:
        """The code of a module, which names its file."""
        start = self._bodies + offset
        code = marshal.loads(self._data[start : start + size])
        _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
        return code


class ImageLoader(SourceFileLoader):
    """A loader of a module whose byte code is in an image."""

    def __init__(self, name: str, path: str, image: Image, place: tuple[int, int]) -> None:
        super().__init__(name, path)
        self._image, self._place = image, place

    def get_code(self, _name: str) -> object:  # type: ignore[override]
        """The byte code of the module."""
        return self._image.code(*self._place, self.path)


class LocalExtension(ExtensionFileLoader):
    """A loader of a compiled module from a copy of its file."""

    def __init__(self, name: str, path: str, local: str) -> None:
        super().__init__(name, path)
        self._local = local

    def create_module(self, spec: ModuleSpec) -> "ModuleType":
        """The module, which names the file that it would come from without the copy."""
        origin, spec.origin = spec.origin, self._local
        try:
            module = super().create_module(spec)
        finally:
            spec.origin = origin
        module.__file__ = origin
        return module


class ImageFinder:
    """Finds the modules of an image, unless another one comes first on the module path.

    Attributes:
        image: with the modules.
        copies: from directories to those that hold copies of compiled modules.
        python: the copy of the interpreter on this node; "" if there is none.
        is_starting: whether only Parsl imports: then directories are listed once, and what is known
            to be absent is not looked for.
    """

    def __init__(self, image: Image, copies: dict[str, str], python: str) -> None:
        self.image, self.copies, self.python = image, copies, python
        self._is_sealed = False
        self._listed: dict[str, list[str]] = {}
        self.is_starting = True
        self._seen: list[str] = []
        self._before: dict[int, list[str]] = {}

    def find_spec(
        self, name: str, path: list[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """Where a module is; None if others are to look for it."""
        entry = self.image.modules.get(name)
        if entry is None:
            is_absent = self.is_starting and name in self.image.absent
            return self._look_elsewhere(name) if is_absent else None
        root, relative, is_package, offset, size = entry
        file = f"{self.image.roots[root]}/{relative}"
        folder = file.rpartition("/")[0]
        if path is None:
            if self._is_hidden(name, root):
                return None
        elif list(path) != [folder.rpartition("/")[0] if is_package else folder]:
            return None
        loader: SourceFileLoader | ExtensionFileLoader
        if size:
            loader = ImageLoader(name, file, self.image, (offset, size))
        elif local := self._copy(file):
            loader = LocalExtension(name, file, local)
        else:
            loader = ExtensionFileLoader(name, file)
        inside = [folder] if is_package else None
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=inside)

    def _look_elsewhere(self, name: str) -> ModuleSpec | None:
        """Find a module that the image's directories lack, as far as they have not changed.

        Raises:
            ModuleNotFoundError: no other directory has it; Python's own finder would look into all.
        """
        roots = self.image.roots
        if not self._is_sealed:
            times = {
                roots[root]: time for root, (time, _) in self.image.distributions.items() if time
            }
            if any(os.stat(root).st_mtime_ns != time for root, time in times.items()):  # noqa: PTH116
                return None
            self._is_sealed = True
        others = [each for each in sys.path if each not in roots]
        others = [each for each in others if self._may_hold(each, name)]
        found = PathFinder.find_spec(name, others) if others else None
        if found is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found

    def _may_hold(self, folder: str, name: str) -> bool:
        """Whether a directory that is listed once has an entry that may be a module."""
        if folder not in self._listed:
            try:
                self._listed[folder] = os.listdir(folder)  # noqa: PTH208
            except OSError:
                return True
        return any(entry.partition(".")[0] == name for entry in self._listed[folder])

    def _copy(self, file: str) -> str:
        """The copy of a file on this node, "" if there is none."""
        for folder, local in self.copies.items():
            if file.startswith(f"{folder}/"):
                copy = local + file[len(folder) :]
                return copy if os.path.exists(copy) else ""  # noqa: PTH110
        return ""

    def _is_hidden(self, name: str, root: int) -> bool:
        """Whether the module path no longer leads to the image's module."""
        if sys.path != self._seen:
            self._seen = list(sys.path)
            self._before = self._others()
        if root not in self._before:
            return True
        before = self._before[root]
        found = PathFinder.find_spec(name, before) if before else None
        return found is not None and found.loader is not None

    def _others(self) -> dict[int, list[str]]:
        """For each root on the module path, the directories before it that are not the image's."""
        roots = self.image.roots
        there = [roots.index(each) for each in dict.fromkeys(self._seen) if each in roots]
        if there != sorted(there):
            return {}
        return {
            root: [
                each for each in self._seen[: self._seen.index(roots[root])] if each not in roots
            ]
            for root in there
        }


class StagedFinder:
    """Finds the user's packages in their copies on this node, unless another comes first on the module path.

    Attributes:
        roots: by name, the directory of sys.path that each was copied from.
        folder: below which the copies lie.
    """

    def __init__(self, roots: dict[str, str], folder: str) -> None:
        self.roots, self.folder = roots, folder

    def find_spec(
        self, name: str, path: list[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """Where a package is; None if others are to look for it, as for what is in one."""
        root = self.roots.get(name)
        if path is not None or root is None or root not in sys.path:
            return None
        before = sys.path[: sys.path.index(root)]
        found = PathFinder.find_spec(name, before) if before else None
        if found is not None and found.loader is not None:
            return None
        return PathFinder.find_spec(name, [self.folder + root])


def use_packages(folder: str) -> None:
    """Take the user's packages from their copies from now on, where an archive of a run has some."""
    try:
        with open(f"{folder}/{NAMES}", "rb", buffering=0) as file:  # noqa: PTH123 (as above)
            roots = marshal.loads(file.read())
    except OSError:
        return
    sys.meta_path.insert(0, StagedFinder(roots, f"{folder}/{PACKAGES}"))  # type: ignore[arg-type]


def become(folder: str) -> tuple[list[str], dict[str, str]]:
    """Let a copy of an interpreter be the one that it stands for.

    Args:
        folder: where the copy lies.

    Returns:
        What Python runs at each start; and, from directories of what it stands for to those of the copy.
    """
    stands_for = marshal.loads(bytes.fromhex(os.environ[_IDENTITY]))
    python: Any = sys
    library = python._stdlib_dir
    for name, value in stands_for["names"].items():
        setattr(sys, name, value)
    sys.path[:] = stands_for["path"]
    sys.path_importer_cache.clear()
    for module in [*sys.modules.values()]:
        if (getattr(module, "__file__", None) or "").startswith(f"{library}/"):
            _move(module, library, python._stdlib_dir)
    return stands_for["hooks"], {stands_for["root"]: f"{folder}/install", sys.base_prefix: folder}


def _move(module: "Any", old: str, new: str) -> None:
    """Let a module that came from a copy name the place that the copy was made of."""
    module.__file__ = new + module.__file__[len(old) :]
    spec = module.__spec__
    if spec is None or not spec.has_location:
        return
    spec.origin, spec.cached = module.__file__, None
    module.__cached__ = spec.cached
    if spec.submodule_search_locations is not None:
        module.__path__ = spec.submodule_search_locations = [spec.origin.rpartition("/")[0]]
    if hasattr(spec.loader, "path"):
        spec.loader.path = spec.origin


def use(path: str, *, for_users: bool) -> None:
    """Take imports from an image from now on, if this interpreter can.

    Args:
        path: the image.
        for_users: whether users' code runs here.
    """
    folder, python = path.rpartition("/")[0], ""
    hooks: list[str] = []
    copies: dict[str, str] = {}
    if sys.base_prefix == folder:
        python = sys.executable
        hooks, copies = become(folder)
    try:
        image = Image(path, next(iter(copies), ""))
    except (OSError, ValueError, EOFError) as error:
        sys.stderr.write(f"polaris_parsl: modules are imported one by one: {error}\n")
        return
    if image.is_fit:
        place = (
            sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        )
        sys.meta_path.insert(place, ImageFinder(image, copies, python))  # type: ignore[arg-type]
    if python:
        use_packages(folder)
    for line in hooks if for_users else ():
        try:
            exec(line, {})  # noqa: S102 (as Python's site does)
        except Exception as error:  # noqa: BLE001 (the same)
            sys.stderr.write(f"polaris_parsl: a line of a .pth file fails: {line}: {error!r}\n")


def main(arguments: list[str]) -> None:
    """Run what the command line says."""
    path, folder, separator, module, *rest = arguments
    assert separator == "--", "the launch command has it"
    if path != "-":
        serves = module.endswith("with_driver") or any(
            "resource_tracker" in each for each in rest[:2]
        )
        use(path, for_users=not serves)
    if folder != "-":
        sys.path.append(folder)
    import runpy  # noqa: PLC0415 (its own imports come from the image)

    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
