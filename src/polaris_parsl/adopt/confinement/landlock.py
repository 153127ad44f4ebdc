"""Landlock: files can be read only, and of the devices only the harmless ones."""

import contextlib
import ctypes
import os
from pathlib import Path

from polaris_parsl import kernel
from polaris_parsl.adopt.confinement.namespaces import DEVICES

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # flag of landlock_create_ruleset: answer with the newest version that there is
_PATH_BENEATH = 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 2, 4, 8
# by the version that brought them: landlock(7)
_FILE_RIGHTS = {1: 0x1FFF, 2: 0x2000, 3: 0x4000, 5: 0x8000}
_NETWORK_RIGHTS = {4: 0x3}
_SCOPES = {6: 0x3}


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scopes")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("place", ctypes.c_int32)]


def forbid_writing() -> tuple[str, ...]:
    """Let this process open nothing for writing but /dev/null, and make, change or run no file.

    Returns:
        Descriptions of what is held from here on; nothing if the kernel has no Landlock.
    """
    try:
        version = kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)
    except OSError:
        return ()
    wanted = _Ruleset(*(_known(each, version) for each in (_FILE_RIGHTS, _NETWORK_RIGHTS, _SCOPES)))
    size = ctypes.sizeof(wanted) if version >= min(_SCOPES) else 16 if version >= 4 else 8
    ruleset = kernel.syscall(_CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(size), 0)
    for top in Path("/").iterdir():
        if top.name != "dev":
            _allow(ruleset, top, _READ_FILE | (_READ_DIR if top.is_dir() else 0))
    for name in DEVICES:
        writes = _WRITE_FILE if name == "null" else 0
        _allow(ruleset, Path("/dev", name), _READ_FILE | writes)
    kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return (f"Landlock {version}",)


def _known(rights: dict[int, int], version: int) -> int:
    return sum(bits for since, bits in rights.items() if since <= version)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    with contextlib.suppress(OSError):  # what cannot be opened needs no permission
        place = os.open(path, os.O_PATH)
        try:
            beneath = _Beneath(rights, place)
            kernel.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(beneath), 0)
        finally:
            os.close(place)
