"""User, network, mount, process and IPC namespaces, where the kernel lets the user have them."""

import contextlib
import os
import signal
from pathlib import Path

from polaris_parsl import kernel

DEVICES = ("null", "zero", "full", "random", "urandom")

_NEW_USER = 0x10000000
_NEW_OTHERS = 0x00020000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, IPC, process, network
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18


def enter_namespaces() -> tuple[str, ...]:
    """Go on as process 1 of new namespaces; this process stays outside and waits for that.

    Returns:
        Descriptions of what is held from here on; nothing if the kernel refuses.
    """
    if not _unshare():
        return ()
    _continue_as_child()
    held = ["network", "processes"]
    with contextlib.suppress(OSError):
        _close_file_system()
        held.append("read-only mounts")
    kernel.drop_capabilities()
    return tuple(held)


def _unshare() -> bool:
    user, group = os.getuid(), os.getgid()
    try:
        kernel.unshare(_NEW_USER | _NEW_OTHERS)
    except OSError:
        if user != 0:
            return False
        try:
            kernel.unshare(_NEW_OTHERS)
        except OSError:
            return False
        return True
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "gid_map").write_text(f"{group} {group} 1")
    return True


def _continue_as_child() -> None:
    child = os.fork()
    if child == 0:
        kernel.die_with_parent(signal.SIGKILL)
        return
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _close_file_system() -> None:
    """Make all that is mounted read-only; only harmless devices and our own processes are seen."""
    kernel.mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    opened = {name: os.open(f"/dev/{name}", os.O_PATH) for name in DEVICES}
    kernel.mount("none", "/dev", "tmpfs", _MS_NOSUID | _MS_NOEXEC, "size=4096,mode=755")
    for name, number in opened.items():
        Path("/dev", name).touch()
        kernel.mount(f"/proc/self/fd/{number}", f"/dev/{name}", None, _MS_BIND)
        os.close(number)
    kernel.make_read_only("/", with_mounts_below=True, no_suid=True)
    with contextlib.suppress(OSError):  # refused in containers that hide a part of /proc
        kernel.mount("none", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
