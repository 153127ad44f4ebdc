"""Chooses how nodes are pretended, by trying."""

import shutil
import signal
import subprocess

from polaris_parsl.errors import SandboxError
from polaris_parsl.process import run
from polaris_parsl.sandbox.settings import Tier

TIER = "POLARIS_PARSL_SANDBOX_TIER"
_TRIAL_TIMEOUT_SECONDS = 20.0
_TRIAL = """\
ip link add name br0 type bridge &&
ip link add name v0 type veth peer name bond0 &&
mount --bind /etc/hosts /etc/hosts"""


def choose_tier(forced: str) -> Tier:
    """The tier that is asked for, or namespaces where they work and loopback where not.

    Args:
        forced: value of POLARIS_PARSL_SANDBOX_TIER; empty to choose by trying.

    Raises:
        SandboxError: there is no such tier, or namespaces are forced and do not work.
    """
    if forced and forced not in set(Tier):
        raise SandboxError(
            f"{TIER}={forced} is no tier", remedy=f"set it to {' or '.join(Tier)}, or to nothing"
        )
    if forced == Tier.LOOPBACK:
        return Tier.LOOPBACK
    problem = _why_no_namespaces()
    if problem is None:
        return Tier.NAMESPACES
    if forced == Tier.NAMESPACES:
        raise SandboxError(
            f"namespaces do not work here: {problem}",
            remedy="allow user namespaces and install iproute2 and util-linux, "
            f"or set {TIER}={Tier.LOOPBACK}",
        )
    return Tier.LOOPBACK


def into_namespaces() -> list[str]:
    """Command that runs another as process 1 of new namespaces, which end with our process.

    The user keeps the own uid; --keep-caps gives it the rights over the new namespaces.
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
    try:
        result = run(
            [*into_namespaces(), "/bin/sh", "-c", _TRIAL], timeout_seconds=_TRIAL_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if result.returncode == 0 else result.stderr.strip() or "unshare failed"
