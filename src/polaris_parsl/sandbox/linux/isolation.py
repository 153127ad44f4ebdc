"""Chooses how nodes are isolated: by namespaces if they work here, else by loopback."""

import shutil
import signal
from collections.abc import Mapping

from polaris_parsl import kernel
from polaris_parsl.errors import SandboxError
from polaris_parsl.process import run
from polaris_parsl.sandbox.settings import Isolation

ISOLATION = "POLARIS_PARSL_SANDBOX_ISOLATION"
_OLD_NAME = "POLARIS_PARSL_SANDBOX_TIER"  # until 2026.11
_TRIAL_TIMEOUT_SECONDS = 20.0
_TRIAL = """\
ip link add name br0 type bridge &&
ip link add name v0 type veth peer name bond0 &&
mount --bind /etc/hosts /etc/hosts"""


def asked_isolation(environ: Mapping[str, str]) -> str:
    """The value of POLARIS_PARSL_SANDBOX_ISOLATION, "" if unset.

    Raises:
        SandboxError: the variable's old name is set.
    """
    if _OLD_NAME in environ:
        raise SandboxError(
            f"{_OLD_NAME}={environ[_OLD_NAME]} is set; the variable is now called {ISOLATION}",
            remedy=f"unset {_OLD_NAME} and set {ISOLATION} instead",
        )
    return environ.get(ISOLATION, "")


def choose_isolation(asked: str) -> Isolation:
    """The isolation that is asked for; otherwise namespaces if they work, else loopback.

    Args:
        asked: value of POLARIS_PARSL_SANDBOX_ISOLATION; empty to choose by trying.

    Raises:
        SandboxError: the value is invalid, or it asks for namespaces and they do not work.
    """
    if asked and asked not in set(Isolation):
        raise SandboxError(
            f"{ISOLATION}={asked} is not a valid isolation",
            remedy=f"set it to {' or '.join(Isolation)}, or unset it",
        )
    if asked == Isolation.LOOPBACK:
        return Isolation.LOOPBACK
    problem = _why_no_namespaces()
    if problem is None:
        return Isolation.NAMESPACES
    if asked == Isolation.NAMESPACES:
        raise SandboxError(
            f"namespaces do not work here: {problem}",
            remedy="allow user namespaces and install iproute2 and util-linux, "
            f"or set {ISOLATION}={Isolation.LOOPBACK}",
        )
    return Isolation.LOOPBACK


def into_namespaces() -> list[str]:
    """The command that runs another as process 1 of new namespaces, which end with our process.

    The user keeps their uid; --keep-caps gives it rights over the new namespaces.
    """
    return [
        *("setpriv", "--pdeathsig", signal.SIGKILL.name.removeprefix("SIG")),
        *("unshare", "--user", "--map-current-user", "--keep-caps", "--net", "--mount", "--pid"),
        *("--fork", "--kill-child", "--mount-proc"),
    ]


def _why_no_namespaces() -> str | None:
    for tool in ("setpriv", "unshare", "ip"):
        if shutil.which(tool) is None:
            return f"no {tool} on PATH"
    if not kernel.can_make_read_only():
        return "Linux is older than 5.12"
    try:
        result = run(
            [*into_namespaces(), "/bin/sh", "-c", _TRIAL], timeout_seconds=_TRIAL_TIMEOUT_SECONDS
        )
    except OSError as error:
        return str(error)
    return None if result.returncode == 0 else result.stderr.strip() or "unshare failed"
