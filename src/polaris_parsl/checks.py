"""Checks of single option values: each takes name and value, returns the final value or refuses."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from polaris_parsl.directives import read_scheduler_options, resources
from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts import Accelerator, polaris

Launcher = Literal["mpiexec", "gnu_parallel"]
Mode = Literal["blocks", "inside_job", "sandbox"]
Strategy = Literal["simple", "htex_auto_scale", "none"]
Check = Callable[[str, Any], Any]

WALLTIME = re.compile(r"[0-9]{1,4}:[0-5][0-9]:[0-5][0-9]")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
# PBS cuts the path behind -o at a colon, and Parsl writes paths into shell text without quotes.
_PATH = re.compile(r"/[A-Za-z0-9_./@%+=,-]*")
# Inside single quotes in a here document, and in a str.format template of Parsl's.
_QUOTABLE_PATH = re.compile(r"/[^$`\\{}'\x00-\x1f]*")
_PLACEHOLDER_ACCOUNTS = frozenset({"YOURPROJECT", "YOUR_PROJECT", "YOURACCOUNT", "YOUR_ACCOUNT"})
PLACEHOLDER_PATHS = ("/path/to/", "/yourproject/", "/yourrundir")


def account(name: str, value: Any) -> str | None:
    """An ALCF project, or None; a page's placeholder is refused."""
    if value is None:
        return None
    text = word(name, value)
    if text.upper() in _PLACEHOLDER_ACCOUNTS:
        raise OptionError(
            f"account={text!r} is the placeholder of an example, not a project",
            remedy="put the ALCF project to charge in its place (`sbank` lists yours)",
        )
    return text


def word(name: str, value: Any) -> str:
    """A name as PBS takes it: letters, digits and . _ + -, nothing that a shell would act on."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise OptionError(
            f"{name}={value!r} is not a name that PBS takes",
            remedy="use letters, digits and . _ + - only, beginning with a letter or a digit",
        )
    return value


def walltime(name: str, value: Any) -> str:
    """A length of time as H:MM:SS, longer than nothing."""
    if not isinstance(value, str) or not WALLTIME.fullmatch(value):
        raise OptionError(
            f"{name}={value!r} is not a time of the form H:MM:SS",
            remedy='write hours, minutes and seconds, for instance walltime="1:00:00" for one hour',
        )
    if not value.strip("0:"):
        raise OptionError(
            f"{name}={value!r} is no time at all",
            remedy='give the length of one block, for instance walltime="1:00:00"',
        )
    return value


def count(least: int, most: int | None = None) -> Check:
    """A check for a whole number within limits, both included."""
    limits = f"at least {least}" if most is None else f"from {least} to {most}"

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise OptionError(
                f"{name}={value!r} is not a whole number", remedy=f"give a whole number, {limits}"
            )
        if value < least or (most is not None and value > most):
            raise OptionError(
                f"{name}={value} is out of range", remedy=f"give a whole number, {limits}"
            )
        return value

    return check


def number(name: str, value: Any) -> float:
    """A number above zero."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value < float("inf")
    ):
        raise OptionError(f"{name}={value!r} is not a number above 0", remedy="give one, such as 8")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise OptionError(
            f"{name}={value!r} is neither True nor False", remedy="give one of the two"
        )
    return value


def accelerators(name: str, value: Any) -> tuple[Accelerator, ...]:
    """How many GPUs of a node get workers, or which; 0 or an empty list for CPU-only work."""
    known = {accelerator.gpu: accelerator for accelerator in polaris().node.accelerators}
    remedy = f"give how many GPUs get a worker, 0 to {len(known)}, or a list of GPU numbers"
    if isinstance(value, int) and not isinstance(value, bool):
        chosen: Sequence[Any] = range(count(0, len(known))(name, value))
    elif isinstance(value, list | tuple):
        chosen = value
    else:
        raise OptionError(f"{name}={value!r} names no GPUs", remedy=remedy)
    gpus = [int(gpu) if isinstance(gpu, str) and gpu.isdecimal() else gpu for gpu in chosen]
    if any(isinstance(gpu, bool) or gpu not in known for gpu in gpus):
        raise OptionError(
            f"{name}={value!r} names a GPU that a node does not have: it has {sorted(known)}",
            remedy=remedy,
        )
    if len(set(gpus)) < len(gpus):
        raise OptionError(
            f"{name}={value!r} names a GPU twice",
            remedy="name each once; for several tasks per GPU give workers_per_gpu",
        )
    return tuple(known[gpu] for gpu in gpus)


def scheduler_options(name: str, value: Any) -> str:
    """Lines of "#PBS ...", among them the filesystems."""
    if not isinstance(value, str):
        raise OptionError(f"{name}={value!r} is not text", remedy='give lines of "#PBS ..."')
    if "filesystems" not in resources(read_scheduler_options(name, value)):
        default = polaris().default_filesystems
        raise OptionError(
            f"{name}={value!r} names no filesystems, and PBS refuses a job without them",
            remedy=f'add the line "#PBS -l filesystems={default}"',
        )
    return "\n".join(line.strip() for line in value.splitlines() if line.strip())


def worker_init(name: str, value: Any) -> str:
    """Shell text of the user's; a page's placeholder path in it gets a warning."""
    if not isinstance(value, str) or "\0" in value:
        raise OptionError(
            f"{name}={value!r} is not shell text", remedy="give text, or leave it out"
        )
    for placeholder in PLACEHOLDER_PATHS:
        if placeholder in value:
            warn(
                f"{name} still holds the example's {placeholder!r}; leave {name} out: the workers "
                "get the environment of this process without it",
            )
            break
    return value.strip()


def run_dir(name: str, value: Any) -> Path:
    """A directory; Options makes it absolute. Characters that break PBS or the shell are refused."""
    if not isinstance(value, str | Path) or not str(value):
        raise OptionError(f"{name}={value!r} is not a path", remedy='give one, such as "runinfo"')
    return path(name, Path(value).expanduser().absolute())


def path(name: str, value: Path) -> Path:
    """An absolute path of characters that PBS and the shell leave alone."""
    if not _PATH.fullmatch(str(value)):
        raise OptionError(
            f"{name} is {str(value)!r}: PBS or the shell would misread a character in it",
            remedy="use a path of letters, digits and . _ / @ % + = , - only",
        )
    return value


def interpreter(value: Path) -> Path:
    """The absolute path of a Python; blanks are no harm, Parsl's templates are."""
    if not _QUOTABLE_PATH.fullmatch(str(value)):
        raise OptionError(
            f"the interpreter {str(value)!r} has a character in its path that Parsl's job script "
            "would misread",
            remedy="use an install whose prefix has none of $ ` \\ { } ' in its path",
        )
    return value


def choice(kind: Any) -> Check:
    """A check for one of the names of a Literal type."""
    names = get_args(kind)

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, str) or value not in names:
            raise OptionError(
                f"{name}={value!r} is no {name} that works here",
                remedy=f"use {' or '.join(repr(each) for each in names)}",
            )
        return value

    return check


def optional(check: Check) -> Check:
    """The same check, for a value that may also be None."""
    return lambda name, value: None if value is None else check(name, value)


def start_method(name: str, value: Any) -> Literal["spawn"]:
    """The way in which Parsl starts workers, which is no longer a choice."""
    if value != "spawn":
        raise OptionError(
            f"{name}={value!r} cannot be had: Parsl has always spawned its workers since release "
            "2023.12.11 (forked ones could hang under MPI)",
            remedy=f"leave {name} out",
        )
    return "spawn"


def address(name: str, value: Any) -> str | None:
    """An IP address of the driver's node, or None."""
    if value is None:
        return None
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise OptionError(
            f"{name}={value!r} is not an IP address",
            remedy="give the address that compute nodes reach, or leave it out",
        ) from None


def interface(name: str, value: Any) -> str | None:
    """The name of a network interface of the driver's node, or None."""
    if value is not None and (not isinstance(value, str) or not value):
        raise OptionError(
            f"{name}={value!r} is no name of an interface",
            remedy=f"use one of {', '.join(polaris().interfaces)}, or leave it out",
        )
    return value
