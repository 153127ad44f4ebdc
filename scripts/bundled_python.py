"""Unpacks the Python of a wheelhouse, for a machine that has none that could build an install.

A conda archive is a zip with tars, compressed with zstd, or one tar. Here they are only unpacked:
the interpreter finds its library by its own place. The locked base of an install is made
of the same archives by env/installer/conda_install.py.

Standard library only. The syntax stays that of Python 3.6.
"""

import ctypes
import hashlib
import io
import shutil
import subprocess
import tarfile
import zipfile

_CHUNK = 1 << 20


class NoZstdError(Exception):
    """This machine cannot unpack zstd."""


class _Buffer(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("done", ctypes.c_size_t)]


def find_archives(house):
    """The conda archives of a wheelhouse, if there is a Python among them; else none."""
    found = sorted((house / "conda").glob("*"))
    return found if any(path.name.startswith("python-3") for path in found) else []


def refuse_unlocked(archives, lock):
    """The first archive whose sha256 does not stand in a lock; None if all do."""
    known = lock.read_text(encoding="utf-8")
    for path in archives:
        if hashlib.sha256(path.read_bytes()).hexdigest() not in known:
            return path
    return None


def unpack(archives, folder):
    """Unpack archives into one directory; gives the path of the interpreter."""
    (python,) = [path.name for path in archives if path.name.startswith("python-3")]
    name = "python" + ".".join(python.split("-")[1].split(".")[:2])
    for path in archives:
        content = path.read_bytes()
        if path.suffix == ".conda":
            with zipfile.ZipFile(path) as members:
                (inner,) = [each for each in members.namelist() if each.startswith("pkg-")]
                content = unzstd(members.read(inner))
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            # their hashes stand in the lock
            tar.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
            tar.extractall(str(folder))
    noarch = folder / "site-packages"
    if noarch.is_dir():
        for path in noarch.iterdir():
            shutil.move(str(path), str(folder / "lib" / name / "site-packages" / path.name))
    return folder / "bin" / name


def unzstd(content):
    """Unpack zstd by the library that package managers use, or by the program of that name."""
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        program = shutil.which("zstd")
        if not program:
            raise NoZstdError from None
        return subprocess.run(
            [program, "-dc"], input=content, stdout=subprocess.PIPE, check=True
        ).stdout
    return _by_library(library, content)


def _by_library(library, content):
    library.ZSTD_createDStream.restype = ctypes.c_void_p
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    library.ZSTD_decompressStream.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(_Buffer), ctypes.POINTER(_Buffer),
    ]  # fmt: skip
    library.ZSTD_freeDStream.argtypes = [ctypes.c_void_p]
    stream = library.ZSTD_createDStream()
    kept = ctypes.create_string_buffer(content, len(content))
    given = _Buffer(ctypes.addressof(kept), len(content), 0)
    room = ctypes.create_string_buffer(_CHUNK)
    chunks = []
    try:
        while given.done < given.size:
            taken = _Buffer(ctypes.addressof(room), _CHUNK, 0)
            code = library.ZSTD_decompressStream(stream, taken, given)
            if library.ZSTD_isError(ctypes.c_size_t(code)):
                raise ValueError("the archive is damaged")
            chunks.append(room.raw[: taken.done])
        # what is left in the library
        while taken.done == _CHUNK:
            taken = _Buffer(ctypes.addressof(room), _CHUNK, 0)
            library.ZSTD_decompressStream(stream, taken, given)
            chunks.append(room.raw[: taken.done])
    finally:
        library.ZSTD_freeDStream(stream)
    return b"".join(chunks)
