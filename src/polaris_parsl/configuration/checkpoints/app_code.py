"""The code of an app: changed wherever the app, or what it uses of its own directory, has changed.

Seen are: the app's own code; functions, classes and values of its file that it names; what these name;
and the modules beside its file. Not seen are other packages, files that are read, environment
variables, and what is found by a name that is put together while the app runs.

Code is compared as Python has compiled it: that is what runs, even if the file has changed since.
Comments, docstrings, names of local variables and line breaks make no difference; another minor
version of Python does.
"""

import dis
import functools
import sys
import sysconfig
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.checkpoints.keys import NoKeyError, digest, key_of

SIZE = 8
_INSTALLED = ("site-packages", "dist-packages")
# Of a code's flags: *args, **kwargs, and kinds of generators and coroutines.
_KINDS = 0x04 | 0x08 | 0x20 | 0x80 | 0x200


class AppCodes:
    """Tells the code of apps; each is looked at once."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[Any, bytes] = weakref.WeakKeyDictionary()

    def of(self, function: Any) -> bytes:
        """A digest of the code of an app; its first byte is the minor version of Python."""
        known = self._known.get(function)
        if known is None:
            parts = _Parts(app_function(function))
            parts.add(function)
            whole = digest("app", *sorted(parts.found))
            known = self._known[function] = bytes([sys.version_info.minor]) + whole[: SIZE - 1]
        return known


def app_function(function: Any) -> Any:
    """The function that the user wrote, within what Parsl has put around it."""
    seen = 0
    while seen < 20:
        inner = getattr(function, "__wrapped__", None)
        if isinstance(function, functools.partial):
            inner = function.args[0] if function.args else function.func
        if inner is None or not _is_of_parsl(function):
            return function
        function, seen = inner, seen + 1
    return function


def place_of(function: Any) -> str:
    """Module and name of a function; of a script, which Python calls __main__, the file's name.

    Two scripts that use the same run directory have different places, a copy of a script the same.
    """
    module = getattr(function, "__module__", None) or ""
    if module == "__main__":
        main = getattr(sys.modules.get("__main__"), "__file__", None)
        module = f"__main__ {Path(main).name}" if main else "__main__"
    return f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"


def _is_of_parsl(function: Any) -> bool:
    if isinstance(function, functools.partial):
        return _is_of_parsl(function.func)
    code = getattr(function, "__code__", None)
    return code is None or f"{Path('/parsl/')}/" in code.co_filename


class _Parts:
    """All parts of the code of one app, as digests."""

    def __init__(self, app: Any) -> None:
        self.found: set[bytes] = set()
        self._seen: set[int | Path] = set()
        code = getattr(app, "__code__", None)
        self._file = code.co_filename if code else ""
        folder = Path(self._file).parent
        is_installed = not _INSTALLED_IN.isdisjoint([folder, *folder.parents]) or any(
            name in folder.parts for name in _INSTALLED
        )
        is_file = self._file.endswith(".py")
        self._folder = folder if is_file and not is_installed else None

    def add(self, value: Any) -> None:
        """Add what a value is made of, as far as it belongs to the app."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, types.ModuleType):
            self._add_file(Path(getattr(value, "__file__", None) or "/"))
        else:
            for each in _within(value):
                self.add(each)

    def _add_function(self, function: types.FunctionType) -> None:
        for each in _held_by(function):
            self._add_named("", each)
        if self._is_own(function.__code__.co_filename):
            self._add_code(function.__code__, function.__globals__)

    def _add_code(self, code: types.CodeType, names: dict[str, Any]) -> None:
        self.found.add(code_digest(code))
        for name in sorted(_names_of(code)):
            if name in names:
                self._add_named(name, names[name])
            # of a package all modules count, so its first name says enough
            if self._folder and (first := name.partition(".")[0]):
                self._add_file(self._folder / f"{first}.py")
                self._add_file(self._folder / first / "__init__.py")

    def _add_named(self, name: str, value: Any) -> None:
        """Add a value that code names: what it is made of, or the value itself."""
        self.add(value)
        if not isinstance(value, types.FunctionType | type | types.ModuleType):
            try:
                self.found.add(digest("value", name.encode(), key_of(value, lambda _: b"")))
            except (NoKeyError, RecursionError):
                return  # not seen

    def _add_class(self, kind: type) -> None:
        module = sys.modules.get(kind.__module__)
        if not self._is_own(str(getattr(module, "__file__", None) or self._main(kind))):
            return
        for base in kind.__bases__:
            self.add(base)
        for name, value in sorted(vars(kind).items()):
            if not name.startswith("__") or callable(value):
                self._add_named(f"{kind.__qualname__}.{name}", value)

    def _main(self, kind: type) -> str:
        return self._file if kind.__module__ == "__main__" else ""

    def _is_own(self, file: str) -> bool:
        return file == self._file or (
            self._folder is not None and self._folder in Path(file).parents
        )

    def _add_file(self, file: Path) -> None:
        """Add a module beside the app, of a package all its modules."""
        if self._folder is None or file in self._seen or not self._is_own(str(file)):
            return
        self._seen.add(file)
        try:
            source = file.read_bytes()
        except OSError:
            return
        if file.name == "__init__.py":
            for each in sorted(file.parent.rglob("*.py")):
                self._add_file(each)
        try:
            self._add_code(compile(source, file.name, "exec", dont_inherit=True), {})
        except (SyntaxError, ValueError):
            self.found.add(digest("file", source))


_INSTALLED_IN = frozenset(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


def _within(value: Any) -> Iterator[Any]:
    """The functions within what is called like one."""
    if isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, staticmethod | classmethod | types.MethodType):
        yield value.__func__
    elif isinstance(value, property):
        yield from (value.fget, value.fset, value.fdel)
    elif type(value).__module__.startswith("parsl.app."):
        yield getattr(value, "func", None)
    elif isinstance(getattr(value, "__wrapped__", None), types.FunctionType):
        yield value.__wrapped__  # of lru_cache and the like


def _held_by(function: types.FunctionType) -> Iterator[Any]:
    """What a function holds: what it wraps, values of the functions around it, defaults."""
    if (inner := getattr(function, "__wrapped__", None)) is not None:
        yield inner
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue  # not set yet
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()


def _names_of(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_of(constant)
    return names


def code_digest(code: types.CodeType) -> bytes:
    """A digest of compiled code, the same for code that does the same in the same steps."""
    kinds = code.co_flags & _KINDS
    signature = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, kinds)
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    handlers = getattr(code, "co_exceptiontable", b"")
    steps = [_step(each, code) for each in dis.get_instructions(code)]
    return digest(
        "code", code.co_name.encode(), repr((signature, arguments)).encode(), handlers, *steps
    )


def _step(step: dis.Instruction, code: types.CodeType) -> bytes:
    value = step.argval
    if step.opcode in dis.hasconst and step.arg is not None:
        # CPython 3.11 resolves the constant of LOAD_CONST alone, not that of KW_NAMES
        value = code.co_consts[step.arg]
    if isinstance(value, types.CodeType):
        what = code_digest(value)
    elif "_FAST" in step.opname or step.arg is None:
        what = repr(step.arg).encode()
    else:
        what = key_of(value, lambda _: b"")
    return digest(step.opname, what)
