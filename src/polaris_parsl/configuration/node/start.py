"""Start a program whose imports come from one file; standard library only.

    python -P start.py IMAGE FOLDER -- MODULE ARGUMENTS...

IMAGE is what `record.py` wrote, or "-". FOLDER goes to the end of the module path, so that nothing in it
hides a module of Python, Parsl or the environment; "-" is none. Without an image, each import of each
process looks for its file in directory after directory, on a file system that all nodes share.

What an import gives is the same: modules have their names, files and sources; and a module that comes
first on `sys.path` wins, wherever it comes from. Only the interpreter that made the image uses it.
"""

# Nothing here may be read from a file: these are all built into Python.
import _imp
import marshal
import sys
from importlib._bootstrap_external import spec_from_file_location
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader

MAGIC = b"polaris-parsl image 1\n"
_LENGTH_BYTES = 8


class Image:
    """Byte code of modules.

    Attributes:
        path: the file.
        roots: directories of sys.path whose modules it holds, in their order there.
        modules: by name, the number of its root, its path below that, whether it is a package, and
            place and size of its byte code in the file; an extension has none.
        sources: size and time of change of each file of the base that it holds, when it was made.
        distributions: by number of a root, its time of change and its packages with their versions.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (pathlib is many files)
            self._data = file.read()
        start = len(MAGIC) + _LENGTH_BYTES
        if self._data[: len(MAGIC)] != MAGIC:
            raise ValueError(f"{path} is no image of modules")
        length = int.from_bytes(self._data[len(MAGIC) : start], "little")
        header = marshal.loads(self._data[start : start + length])
        self._bodies = start + length
        above = path.rpartition("/")[0] + "/"
        self.roots = [root if root.startswith("/") else above + root for root in header["roots"]]
        self.modules = header["modules"]
        self.sources = header["sources"]
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


class ImageFinder:
    """Finds the modules of an image, unless another one comes first on the module path."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self._seen: list[str] = []
        self._before: dict[int, list[str]] = {}

    def find_spec(
        self, name: str, path: list[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """Where a module is; None if others are to look for it."""
        entry = self.image.modules.get(name)
        if entry is None:
            return None
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
        else:
            loader = ExtensionFileLoader(name, file)
        inside = [folder] if is_package else None
        return spec_from_file_location(name, file, loader=loader, submodule_search_locations=inside)

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


def use(path: str) -> None:
    """Take imports from an image from now on, if this interpreter can."""
    try:
        image = Image(path)
    except (OSError, ValueError, EOFError) as error:
        sys.stderr.write(f"polaris_parsl: modules are imported one by one: {error}\n")
        return
    if image.is_fit:
        place = (
            sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
        )
        sys.meta_path.insert(place, ImageFinder(image))  # type: ignore[arg-type]


def main(arguments: list[str]) -> None:
    """Run what the command line says."""
    path, folder, separator, module, *rest = arguments
    assert separator == "--", "the launch command has it"
    if path != "-":
        use(path)
    if folder != "-":
        sys.path.append(folder)
    import runpy  # noqa: PLC0415 (its own imports come from the image)

    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
