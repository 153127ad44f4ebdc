"""Write the byte code of the modules that workers import at their start into one file, and the archive for nodes.

    python -P -m polaris_parsl.configuration.node.record FILE ROOT [ARCHIVE]

Run by the interpreter of an install, whose directory is ROOT. What Python itself reads before FILE is
in use stays out. The bytes depend on the packages and the base, and not on the time or on ROOT.
Then it imports Parsl as users do, and prints what it got: the versions, the environment and the place, as JSON.
"""

import gc
import importlib
import importlib.util
import json
import marshal
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader
from importlib.metadata import Distribution, distributions
from pathlib import Path

from polaris_parsl.configuration.node.start import MAGIC
from polaris_parsl.configuration.parsl_internals.lean import lean_imports

# The programs on the nodes and beside the driver, and what they import when they run.
PROGRAMS = (
    "runpy",
    "polaris_parsl.configuration.node.with_driver",
    "polaris_parsl.configuration.parsl_internals.child",
    "polaris_parsl.configuration.parsl_internals.measure",
    "polaris_parsl.configuration.parsl_internals.preloaded",
    "polaris_parsl.configuration.parsl_internals.worker_pool",
    "parsl.executors.high_throughput.process_worker_pool",
    "parsl.executors.high_throughput.monitoring_info",
    "polaris_parsl.configuration.parsl_internals.interchange",
    "multiprocessing.forkserver",
    "multiprocessing.managers",
    "multiprocessing.popen_forkserver",
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.popen_fork",
    "multiprocessing.queues",
    "multiprocessing.resource_tracker",
    "multiprocessing.sharedctypes",
    "multiprocessing.spawn",
    "multiprocessing.synchronize",
)
# What Python's own modules try when they are imported.
_OF_OTHER_SYSTEMS = ("_overlapped", "_winapi", "java", "msvcrt", "nt", "org", "vms_lib", "winreg")
# dill looks for it with the first task
_WITH_TASKS = ("numpy",)
_PYC_HEADER_BYTES = 16


def record(file: Path, root: Path) -> int:
    """Write the image; the number of modules in it."""
    specs, absent = _import_all()
    # Python lists a zip file that hardly any install has
    roots = [each for each in sys.path if Path(each).is_dir() or each.startswith(sys.base_prefix)]
    modules: dict[str, tuple[int, str, bool, int, int]] = {}
    sources: dict[str, tuple[int, int]] = {}
    bodies: list[bytes] = []
    offset = 0
    for name, spec in sorted(specs.items()):
        place = _place(name, spec, roots)
        if place is None:
            continue
        number, relative = place
        body = _byte_code(spec)
        inside = spec.submodule_search_locations is not None
        modules[name] = (number, relative, inside, offset, len(body))
        bodies.append(body)
        offset += len(body)
        if not Path(roots[number]).is_relative_to(root):
            status = Path(str(spec.origin)).stat()
            sources[str(spec.origin)] = (status.st_size, status.st_mtime_ns)
    header = marshal.dumps(
        {
            "python": sys.version,
            "roots": [_relative(each, root) for each in roots],
            "modules": modules,
            "sources": sources,
            "absent": sorted(absent),
            "distributions": dict(_distributions(roots, root)),
        }
    )
    file.write_bytes(b"".join([MAGIC, len(header).to_bytes(8, "little"), header, *bodies]))
    return len(modules)


class _Asked:
    """Notes which modules are looked for."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Note a name; others find it."""
        self._names.add(name)


def _import_all() -> tuple[dict[str, ModuleSpec], set[str]]:
    """Import what the programs import.

    Returns:
        The specs, also of modules whose import fails half way; and what was looked for in vain.
    """
    asked = {*_OF_OTHER_SYSTEMS, *_WITH_TASKS}
    sys.meta_path.insert(0, _Asked(asked))
    with lean_imports():
        for name in PROGRAMS:
            importlib.import_module(name)
    del sys.meta_path[0]
    specs = {name: getattr(module, "__spec__", None) for name, module in sys.modules.items()}
    for name in asked - sys.modules.keys():
        if name.rpartition(".")[0] in {"", *sys.modules}:
            specs[name] = importlib.util.find_spec(name)
    absent = {name for name, spec in specs.items() if spec is None and "." not in name}
    return {name: spec for name, spec in specs.items() if spec is not None}, absent - {*sys.modules}


def _place(name: str, spec: ModuleSpec, roots: list[str]) -> tuple[int, str] | None:
    """Number of the root of a module, and its path below it; None if it came from no file there."""
    if spec.name != name or not spec.has_location or not spec.origin:
        return None
    if type(spec.loader) not in (SourceFileLoader, ExtensionFileLoader):
        return None
    # the longest is the one: lib-dynload and site-packages lie below the standard library
    above = [each for each in roots if spec.origin.startswith(f"{each}/")]
    if not above:
        return None
    nearest = max(above, key=len)
    return roots.index(nearest), spec.origin.removeprefix(f"{nearest}/")


def _byte_code(spec: ModuleSpec) -> bytes:
    """The byte code of a module as its .pyc file has it; empty for an extension."""
    loader = spec.loader
    if not isinstance(loader, SourceFileLoader):
        return b""
    if spec.cached and Path(spec.cached).exists():
        data = Path(spec.cached).read_bytes()
        if data[:4] == importlib.util.MAGIC_NUMBER and _is_of_source(data, loader.path):
            return data[_PYC_HEADER_BYTES:]
    code = loader.source_to_code(loader.get_data(loader.path), Path(loader.path).name)
    return marshal.dumps(code)


def _is_of_source(data: bytes, source: str) -> bool:
    """Whether Python would take a .pyc file for that of its source."""
    if int.from_bytes(data[4:8], "little") & 1:
        return True  # by hash: the install made it
    status = Path(source).stat()
    time, size = (int.from_bytes(data[at : at + 4], "little") for at in (8, 12))
    return time == int(status.st_mtime) & 0xFFFFFFFF and size == status.st_size & 0xFFFFFFFF


def _relative(path: str, root: Path) -> str:
    """A directory of the install by its path below it, so that an install can be moved."""
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


def _distributions(
    roots: list[str], root: Path
) -> Iterator[tuple[int, tuple[int, list[tuple[str, str]]]]]:
    """The packages below each directory, and when it was changed; 0 in the install, which is sealed."""
    for number, each in enumerate(roots):
        found = [_name_and_version(dist) for dist in distributions(path=[each])]
        if found:
            changed = 0 if Path(each).is_relative_to(root) else Path(each).stat().st_mtime_ns
            yield number, (changed, found)


def _name_and_version(dist: Distribution) -> tuple[str, str]:
    """Two lines of the head of a package's metadata; Python's own reader takes ten times as long."""
    text = next(filter(None, map(dist.read_text, ("METADATA", "PKG-INFO", ""))), "")
    head = text.replace("\r\n", "\n").partition("\n\n")[0]
    found = (re.search(rf"(?m)^{key}:[ \t]*(.*?)\s*$", head) for key in ("Name", "Version"))
    name, version = (each[1] if each else "" for each in found)
    return name, version


def _import_as_users_do() -> list[str]:
    """What users import: nothing is hidden from Parsl now, and functions check their arguments."""
    for name in [each for each in sys.modules if each.partition(".")[0] in {"parsl", "typeguard"}]:
        del sys.modules[name]
    parsl = importlib.import_module("parsl")
    version = importlib.import_module("polaris_parsl.version").VERSION
    return [parsl.__version__, version, sys.prefix, str(parsl.__file__)]


def main() -> None:
    """Write the image, and the archive in the same process, which has imported what they hold."""
    gc.disable()  # what it imports is no garbage, and to look for some takes a tenth of the time
    file, root, *archives = map(Path, sys.argv[1:])
    record(file, root)
    for archive in archives:
        # what it imports would be in the image
        from polaris_parsl.configuration.node import local  # noqa: PLC0415

        local.pack(archive, file, root)
    # whoever gets no answer asks again in a process that does nothing else, for the words of the error
    with suppress(BaseException):
        print(json.dumps(_import_as_users_do()))  # noqa: T201 - the answer
    gc.freeze()  # Python looks once more at its end


if __name__ == "__main__":
    main()
