"""Checks of single option values: each takes name and value, returns the final value or refuses."""

import ipaddress
import numbers
import operator
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal, NoReturn, get_args

from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts.polaris import Accelerator, polaris, source
from polaris_parsl.pbs.directives import read_scheduler_options, resources
from polaris_parsl.pbs.walltime import LONGEST, read_walltime, write_walltime
from polaris_parsl.process import run

Launcher = Literal["mpiexec", "gnu_parallel"]
Mode = Literal["blocks", "inside_job", "sandbox"]
Proxy = Literal["driver", "site", "none"]
ExitMode = Literal["cleanup", "wait"]
Strategy = Literal["simple", "htex_auto_scale", "none"]
StartMethod = Literal["forkserver", "spawn"]
Check = Callable[[str, Any], Any]

# Waiting longer than any job may last is a slip of the keyboard.
SECONDS_MAX = int(LONGEST.total_seconds())
_HOUR = 'walltime="1:00:00" for one hour'
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")
# Surrogates stand for bytes of the environment that are not UTF-8; Parsl could not write them.
_SHELL_TEXT = re.compile(r"[^\x00\ud800-\udfff]*")
_SHOWN = 60
_SECONDS_OF_BASH = 10
_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+")
# What Parsl writes around a label, in the name of a job (parsl.LABEL.block-N.TIME) and of its files.
_ROOM_OF_PARSL = 60
# Of our own pages, which run unchanged in the sandbox.
_OUR_PLACEHOLDER = "PROJECT"
_PLACEHOLDER_ACCOUNTS = frozenset({"YOURPROJECT", "YOUR_PROJECT", "YOURACCOUNT", "YOUR_ACCOUNT"})
PLACEHOLDER_PATHS = ("/path/to/", "/yourproject/", "/yourrundir")


def account(name: str, value: Any) -> str | None:
    """An ALCF project, or None; a page's placeholder is refused."""
    if value is None:
        return None
    text = word(name, value)
    if text.upper() in _PLACEHOLDER_ACCOUNTS:
        refuse_placeholder(text)
    return text


def refuse_our_placeholder(account: str) -> None:
    """Refuse the account of our own pages, where PBS would be asked for it.

    Raises:
        OptionError: it is.
    """
    if account == _OUR_PLACEHOLDER:
        refuse_placeholder(account)


def refuse_placeholder(account: str) -> NoReturn:
    """Refuse an account that stands for another.

    Raises:
        OptionError: always.
    """
    raise OptionError(
        f"account={account!r} is the placeholder of an example, not a project",
        remedy="put the ALCF project to charge in its place (`sbank` lists yours)",
    )


def word(name: str, value: Any) -> str:
    """A name as PBS takes it: letters, digits and . _ + -, nothing that a shell would act on."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise OptionError(
            f"{name}={value!r} is not a name that PBS takes",
            remedy="use letters, digits and . _ + - only, beginning with a letter or a digit",
        )
    longest = polaris().pbs_name_length_max - _ROOM_OF_PARSL
    if len(value) > longest:
        raise OptionError(
            f"{name}={start_of(value)} has {len(value)} characters; PBS takes names up to "
            f"{polaris().pbs_name_length_max}, of which Parsl needs {_ROOM_OF_PARSL} for a job's",
            remedy=f"give a name of at most {longest} characters",
        )
    return value


def walltime(name: str, value: Any) -> timedelta:
    """The length of one block: H:MM:SS or MM:SS as PBS reads them, or a timedelta."""
    length = value if isinstance(value, timedelta) else _read_walltime(name, value)
    if length % timedelta(seconds=1):
        raise OptionError(
            f"{name}={value!r} is not a whole number of seconds",
            remedy=f"give whole seconds, or write H:MM:SS, such as {_HOUR}",
        )
    if not timedelta() < length <= LONGEST:
        raise OptionError(
            f"{name}={start_of(value)} must be longer than zero and at most "
            f"{write_walltime(LONGEST)}",
            remedy=f"give the length of one block, such as {_HOUR}",
        )
    return length


def _read_walltime(name: str, value: Any) -> timedelta:
    """A walltime in text. PBS reads a bare number as seconds, where people mean minutes or hours."""
    remedy = f"write H:MM:SS, such as {_HOUR}, or give a datetime.timedelta"
    if isinstance(value, str) and ":" in value:
        with suppress(ValueError):
            return read_walltime(value)
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            as_seconds = write_walltime(timedelta(seconds=int(value)))
            raise OptionError(
                f"{name}={value!r} is a bare number: seconds, minutes or hours?",
                remedy=f'{remedy}; {int(value)} seconds are walltime="{as_seconds}"',
            )
    raise OptionError(f"{name}={start_of(value)} is not of the form H:MM:SS", remedy=remedy)


@dataclass(frozen=True)
class WholeNumber:
    """A check for a whole number within limits, both included.

    Attributes:
        least: the lowest.
        most: the highest.
        table: of the facts file, where the limits are facts.
    """

    least: int
    most: int
    table: str = ""

    def __call__(self, name: str, value: Any) -> int:
        """The value, or a refusal."""
        limits = f"from {self.least} to {self.most}"
        remedy = f"give a whole number, {limits}"
        value = whole(value)
        if type(value) is not int:
            raise OptionError(f"{name}={value!r} is not a whole number", remedy=remedy)
        if not self.least <= value <= self.most:
            cited = f" [{source(self.table)}]" if self.table else ""
            raise OptionError(
                f"{name}={start_of(value)} is out of range, {limits}{cited}", remedy=remedy
            )
        return value


def whole(value: Any) -> Any:
    """A whole number of any library as Python's; what is none stays as it is."""
    if isinstance(value, bool):
        return value
    try:
        return operator.index(value)
    except TypeError:
        return value


def number(least: float, most: float) -> Check:
    """A check for a number within limits, both included."""
    limits = f"from {least:g} to {most:g}"

    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise OptionError(f"{name}={value!r} is not a number", remedy=f"give one {limits}")
        amount: Any = value
        if not least <= amount <= most:
            raise OptionError(
                f"{name}={start_of(value)} is out of range, {limits}",
                remedy=f"give a number {limits}",
            )
        return float(value)

    return check


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
    value = whole(value)
    if type(value) is int:
        chosen: Sequence[Any] = range(WholeNumber(0, len(known), "node")(name, value))
    elif isinstance(value, list | tuple):
        chosen = value
    else:
        raise OptionError(f"{name}={value!r} names no GPUs", remedy=remedy)
    gpus = [int(gpu) if isinstance(gpu, str) and gpu.isdecimal() else whole(gpu) for gpu in chosen]
    if not all(type(gpu) is int and gpu in known for gpu in gpus):
        raise OptionError(
            f"{name}={value!r} names a GPU that a node does not have: it has {sorted(known)} "
            f"[{source('node')}]",
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
            f"{name}={value!r} names no filesystems, and PBS refuses a job without them "
            f"[{source('pbs')}]",
            remedy=f'add the line "#PBS -l filesystems={default}"',
        )
    return "\n".join(line.strip() for line in value.splitlines() if line.strip())


def worker_init(name: str, value: Any) -> str:
    """Shell text of the user's; a page's placeholder path in it gets a warning."""
    if not isinstance(value, str) or not _SHELL_TEXT.fullmatch(value):
        raise OptionError(
            f"{name}={value!r} is not shell text",
            remedy="give text in UTF-8 without zero bytes, or leave it out",
        )
    for placeholder in PLACEHOLDER_PATHS:
        if placeholder in value:
            warn(
                f"{name} still holds the example's {placeholder!r}; leave {name} out: the workers "
                "get the environment of this process without it",
            )
            break
    if complaint := _complaint_of_bash(value):
        raise OptionError(
            f"{name}={start_of(value)} is not shell text that bash reads: {complaint}",
            remedy="correct it; `bash -n FILE` says the same of a file with that text",
        )
    return value.strip()


@cache
def _complaint_of_bash(text: str) -> str:
    """What bash has against a text, which it reads and does not run; "" if nothing."""
    if not text.strip():
        return ""
    try:
        done = run(["bash", "-n"], stdin=f"{text}\n", timeout_seconds=_SECONDS_OF_BASH)
    except (OSError, UnicodeDecodeError):
        return ""  # no bash here; that of the node will say so
    # bash warns, without an error code, of a here document that does not end
    return done.stderr.strip().replace("bash: ", "").replace("\n", "; ")


def text(name: str, value: Any) -> str:
    """A line of text."""
    if not isinstance(value, str) or not value.isprintable() or not value.strip():
        raise OptionError(
            f"{name}={start_of(value) if isinstance(value, str) else repr(value)} is no line of text",
            remedy='give a text, as "2"',
        )
    return value.strip()


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


def module_names(name: str, value: Any) -> tuple[str, ...]:
    """Names of packages or modules of the top level."""
    if not isinstance(value, list | tuple):
        raise OptionError(f"{name}={value!r} is no list", remedy='give a list, as ["mypackage"]')
    for each in value:
        if not isinstance(each, str) or not each.isidentifier():
            raise OptionError(
                f"{name} names {each!r}, which is no package of the top level",
                remedy="give the name by which it is imported, up to the first dot",
            )
    return tuple(dict.fromkeys(value))


def start_method(name: str, value: Any) -> StartMethod:
    """The way in which workers start."""
    if value not in get_args(StartMethod):
        raise OptionError(
            f"{name}={value!r} cannot be had: workers are forked from a process of their own, or spawned; "
            "forked from the pool, which has threads, they could hang under MPI",
            remedy=f"leave {name} out",
        )
    method: StartMethod = value
    return method


def address(name: str, value: Any) -> str | None:
    """An IP address of the driver's node, or None."""
    if value is None:
        return None
    remedy = "give the address that compute nodes reach, or leave it out"
    try:
        # Behind a % Python takes any text for the zone of an address, even a command of the shell.
        found = ipaddress.ip_address(value) if _ADDRESS.fullmatch(value) else None
    except (TypeError, ValueError):
        found = None
    if found is None:
        raise OptionError(f"{name}={value!r} is not an IP address", remedy=remedy)
    if found.is_unspecified or found.is_multicast:
        raise OptionError(f"{name}={value!r} is the address of no single node", remedy=remedy)
    return str(found)


def interface(name: str, value: Any) -> str | None:
    """The name of a network interface of the driver's node, or None."""
    if value is not None and (not isinstance(value, str) or not value):
        raise OptionError(
            f"{name}={value!r} is not an interface name",
            remedy=f"use one of {', '.join(polaris().interfaces)}, or leave it out",
        )
    return value


def start_of(value: Any) -> str:
    """A value for a message, cut where it is long."""
    # Of a number beyond 4300 digits Python makes no text.
    text = hex(value) if isinstance(value, int) and abs(value) > 10**20 else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
