"""Runs a Python file with Parsl replaced by stand-ins that record their calls.

`python_file` starts this file as a process of its own. It uses the standard library only, and
not Parsl, because the file may be written for any release of Parsl. It prevents the side effects
of the file: starting programs, opening connections and writing files. An audit hook says in
words what the file wants; what holds a hostile file is in confinement/.

Arguments: the file, and a JSON object of values for the parameters of its functions. Its text
comes on standard input. Prints a line of JSON before the file runs, and a JSON object after that.
"""

import _posixsubprocess
import ast
import builtins
import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import inspect
import io
import json
import os
import socket
import sys
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any
from unittest.mock import MagicMock

# This package alone, beside the standard library, is imported before the file is held.
sys.path.insert(0, str(Path(__file__).parents[2]))
from polaris_parsl.adopt.absent import Absent, parameters_of
from polaris_parsl.adopt.confinement.confine import confine

del sys.path[0]

_APPS = ("python_app", "bash_app", "join_app")
_FORBIDDEN = {
    "subprocess.Popen": "start a program",
    "os.system": "start a program",
    "os.exec": "start a program",
    "os.posix_spawn": "start a program",
    "os.fork": "start a process",
    "os.forkpty": "start a process",
    "os.kill": "send a signal",
    "os.killpg": "send a signal",
    "socket.connect": "open a connection",
    "socket.bind": "listen for connections",
    "socket.sendto": "send something",
    "socket.sendmsg": "send something",
    "socket.getaddrinfo": "ask for the address of a host",
    "socket.gethostbyname": "ask for the address of a host",
    "sqlite3.connect": "open a database",
    "os.remove": "remove a file",
    "os.rmdir": "remove a folder",
    "os.rename": "rename a file",
    "os.link": "make a link",
    "os.symlink": "make a link",
    "os.chmod": "change a file",
    "os.chown": "change a file",
    "os.utime": "change a file",
    "os.setxattr": "change a file",
    "os.removexattr": "change a file",
    "os.truncate": "change a file",
}
_OWN_NAMES = ("None", "", "localhost", socket.gethostname())
_LIMITS = {
    "MemoryError": "it needs more memory than adopt gives it",
    "RecursionError": "it calls itself, or is nested, too deeply",
}
# where a run of the file leaves the exit code that it ended with
_EXIT = "adopted exit code"
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _LoadedByTheFile(BaseException):
    """The file has called parsl.load: its configuration is complete."""


class Recorded:
    """A recorded call of one of Parsl's classes or of its functions that find an address."""

    def __init__(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.__dict__.update(
            name=name, args=list(args), arguments=dict(kwargs), line=_line(), later=[]
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "arguments" not in self.__dict__:
            raise AttributeError(name)
        return self.arguments[name] if name in self.arguments else MagicMock(name=name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.arguments[name] = value
        self.later.append(name)


class _Module(types.ModuleType):
    """A module of Parsl or one of its functions: the name alone does not show which."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        return MagicMock()


class _Parsl(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Replaces all modules of Parsl with stand-ins."""

    def __init__(self) -> None:
        self.configs: list[Recorded] = []
        self.apps_without_cache: list[int] = []
        self.classes: dict[str, type[Recorded]] = {}

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != "parsl":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = _Module(spec.name)
        module.__getattr__ = functools.partial(self._stand_in, spec.name)  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass

    def _stand_in(self, module: str, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "load":
            return _load
        if name in _APPS:
            return self._app
        if module == "parsl.usage_tracking.levels" and name.startswith("LEVEL_"):
            return int(name.removeprefix("LEVEL_"))
        if name.startswith("address_by"):
            return lambda *args, **kwargs: Recorded(name, args, kwargs)
        return (
            self._class(name) if name[0].isupper() else importlib.import_module(f"{module}.{name}")
        )

    def _class(self, name: str) -> type[Recorded]:
        def initialize(recorded: Recorded, *args: Any, **kwargs: Any) -> None:
            Recorded.__init__(recorded, name, args, kwargs)
            if name == "Config":
                self.configs.append(recorded)

        if name not in self.classes:
            self.classes[name] = type(name, (Recorded,), {"__init__": initialize})
        return self.classes[name]

    def _app(self, *_: Any, cache: bool = False, **__: Any) -> MagicMock:
        if not cache:
            self.apps_without_cache.append(_line())
        return MagicMock()


class _Missing(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Replaces modules that files in a folder import, but this machine lacks, with empty ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        parent = sys.modules.get(name.partition(".")[0])
        if parent is not None and not isinstance(parent, MagicMock):
            return None
        if not Path(_importing_file()).is_relative_to(self.folder):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return Absent(name=spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def _load(*_: Any, **__: Any) -> None:
    raise _LoadedByTheFile


def _line() -> int:
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename != _FILE:
        frame = frame.f_back
    return frame.f_lineno if frame is not None else 0


def _importing_file() -> str:
    frame = inspect.currentframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and "importlib" not in file:
            return file
        frame = frame.f_back
    return ""


def _write_nowhere(really_open: Callable[..., Any]) -> Callable[..., Any]:
    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        writes = any(letter in mode for letter in "wax+")
        return really_open(os.dup(_NOWHERE) if writes else file, mode, *args, **kwargs)

    return opened


def _descriptor_of_nowhere(really_open: Callable[..., int]) -> Callable[..., int]:
    def opened(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & _WRITES:
            return os.dup(_NOWHERE)
        return really_open(path, flags, *args, **kwargs)

    return opened


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    what = str(arguments[0])[:100] if arguments else ""
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and what in _OWN_NAMES:
        return
    if event in _FORBIDDEN:
        raise PermissionError(f"it tries to {_FORBIDDEN[event]} while adopt reads it: {what}")
    if event == "open" and arguments[2] & _WRITES and not isinstance(arguments[0], int):
        raise PermissionError(f"it tries to write a file while adopt reads it: {what}")


def _start_no_program(*_: Any) -> int:
    raise PermissionError("it tries to start a program while adopt reads it")


def _package_of(file: Path) -> tuple[Path, str]:
    """The folder to import from, and the package of the file ("" if it has none)."""
    folder, names = file.parent, list[str]()
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(names)


def _run(code: types.CodeType, name: str, package: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": name, "__file__": _FILE, "__package__": package}
    try:
        if package:
            importlib.import_module(package)
        exec(code, namespace)  # noqa: S102 - the user's own file, which they would run themselves
    except _LoadedByTheFile:
        pass
    except SystemExit as end:
        namespace[_EXIT] = end.code if isinstance(end.code, int) else int(bool(end.code))
    return namespace


def _call_functions(
    namespace: Mapping[str, Any], given: Mapping[str, Any], config: type | None
) -> list[str]:
    """Call the functions and methods of the file that make a Config; return those that lack arguments."""
    names = {"Config", *(name for name, value in namespace.items() if config and value is config)}
    lacking: list[str] = []
    for value in list(namespace.values()):
        if _makes_one(value, names):
            _call(value, value.__name__, given, lacking)
        elif isinstance(value, type):
            for name, method in list(vars(value).items()):
                inner = getattr(method, "__func__", method)
                if _makes_one(inner, names):
                    _call_method(value, name, given, lacking)
    return lacking


def _makes_one(value: Any, names: set[str]) -> bool:
    code = value.__code__ if isinstance(value, types.FunctionType) else None
    return code is not None and code.co_filename == _FILE and bool(names & {*code.co_names})


def _call_method(owner: type, name: str, given: Mapping[str, Any], lacking: list[str]) -> None:
    """Call a method of a class, on an object of it where it needs one."""
    target: Any = owner
    if isinstance(vars(owner)[name], types.FunctionType):
        target = _call(owner, owner.__name__, given, lacking)
    if target is not None:
        _call(getattr(target, name), f"{owner.__name__}.{name}", given, lacking)


def _call(target: Any, name: str, given: Mapping[str, Any], lacking: list[str]) -> Any:
    """Call a function or a class with what is given of its parameters; None if it lacks some."""
    wanted, needed = parameters_of(target)
    missing = [each for each in needed if each not in given]
    if missing:
        lacking.append(f"{name}({', '.join(missing)})")
        return None
    with contextlib.suppress(_LoadedByTheFile, SystemExit):
        return target(**{each: given[each] for each in wanted if each in given})
    return None


def _encode(value: Any) -> Any:
    if isinstance(value, Recorded):
        return {
            "call": value.name,
            "line": value.line,
            "args": [_encode(each) for each in value.args],
            "arguments": {name: _encode(each) for name, each in value.arguments.items()},
            "later": value.later,
        }
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, list | tuple | range):
        return [_encode(each) for each in value]
    return {"unknown": type(value).__name__}


def _read(source: str, given: Mapping[str, Any], arguments: Sequence[str]) -> dict[str, Any]:
    parsl, lacking, exited = _Parsl(), list[str](), 0
    folder, package = _package_of(Path(_FILE))
    sys.path.insert(0, str(folder))
    sys.argv = [_FILE, *arguments]
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, parsl)
    sys.meta_path.append(_Missing(folder))
    builtins.open = io.open = _write_nowhere(open)
    os.open = _descriptor_of_nowhere(os.open)
    for name in ("mkdir", "mkfifo", "mknod"):
        setattr(os, name, lambda *_, **__: None)
    # multiprocessing calls it without raising an audit event
    _posixsubprocess.fork_exec = _start_no_program
    sys.addaudithook(_forbid)
    trouble: dict[str, str] = {}
    try:
        code = compile(ast.parse(source, _FILE), _FILE, "exec")
        namespace = _run(code, "adopted", package)
        exited = namespace.get(_EXIT, 0)
        if not parsl.configs and not arguments:
            lacking = _call_functions(namespace, given, parsl.classes.get("Config"))
        if not parsl.configs and (arguments or not lacking):
            exited = _run(code, "__main__", package).get(_EXIT, 0) or exited
    except BaseException as error:  # noqa: BLE001 - every failure is reported to the user
        trouble = _trouble(error)
    return {
        "configs": [_encode(config) for config in parsl.configs],
        "apps_without_cache": parsl.apps_without_cache,
        "lacking": lacking,
        "exited": exited,
        **trouble,
    }


def _answer(source: str, given: Mapping[str, Any], arguments: Sequence[str]) -> str:
    try:
        return json.dumps(_read(source, given, arguments))
    except BaseException as error:  # noqa: BLE001 - even where the file's own values cannot be reported
        name = type(error).__name__
        text = _LIMITS.get(name, f"its values cannot be reported: {name}")
        return json.dumps({"configs": [], "apps_without_cache": [], "lacking": [], "error": text})


def _trouble(error: BaseException) -> dict[str, str]:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == _FILE]
    if isinstance(error, KeyError) and frames[-1].filename in (os.__file__, "<frozen os>"):
        return {"variable": str(error.args[0])}
    where = f"line {lines[-1]}: " if lines else ""
    for kind, text in _LIMITS.items():
        if kind in (each.__name__ for each in type(error).__mro__):
            return {"error": f"{where}{text}"}
    return {"error": f"{where}{type(error).__name__}: {error}"}


if __name__ == "__main__":
    _FILE = sys.argv[1]
    _RESULT = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # the file's own output goes to stderr; stdout carries the JSON
    _NOWHERE = os.open(os.devnull, os.O_RDWR)
    _SOURCE = sys.stdin.buffer.read().decode("utf-8")
    _HELD = confine()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    print(json.dumps(_HELD), file=_RESULT, flush=True)
    _RESULT.write(_answer(_SOURCE, json.loads(sys.argv[2]), json.loads(sys.argv[3])))
    _RESULT.flush()
    os._exit(0)  # without waiting for the file's threads and exit handlers
