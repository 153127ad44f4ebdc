"""Arguments of Parsl's classes: by name, with Parsl's defaults, and those with no option here."""

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

import parsl.config
import parsl.executors
import parsl.launchers
import parsl.providers

from polaris_parsl.adopt.python_file import Call, Unknown
from polaris_parsl.adopt.rules import Findings
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import REPLACED

_MODULES = (parsl.config, parsl.executors, parsl.launchers, parsl.providers)
# What becomes of arguments that no option stands for.
_INSTEAD = {
    "monitoring": "set it on the result: config.monitoring = ...",
    "retry_handler": "set it on the result: config.retry_handler = ...",
    "working_dir": "left out: tasks start in run_dir",
    "parallelism": "left out: Parsl's own, 1, asks for as many blocks as the tasks need",
    "mem_per_worker": "left out: the number of workers follows from GPUs and CPUs",
    "worker_logdir_root": "left out: logs are written to run_dir",
    "launch_cmd": "left out: workers start by the interpreter of your script",
    "interchange_launch_cmd": "left out: it starts by the interpreter of your script",
}


def parameters(name: str) -> dict[str, Any]:
    """The parameters of a class of the installed Parsl, with their defaults; none if it has none."""
    kind = next((getattr(module, name) for module in _MODULES if hasattr(module, name)), None)
    if kind is None:
        return {}
    found = inspect.signature(kind.__init__).parameters.values()
    return {each.name: each.default for each in found if each.name != "self"}


def complete(call: Call, wanted: Iterable[str]) -> dict[str, Any]:
    """The arguments of a call by name, and Parsl's defaults of some that are left out.

    Args:
        call: the call.
        wanted: names whose default is of interest.
    """
    known = parameters(call.name)
    by_place = dict(zip(known, call.args, strict=False))
    given = {**by_place, **call.arguments}
    return {name: known[name] for name in wanted if name in known} | given


def note_leftovers(
    call: Call, arguments: dict[str, Any], read: Iterable[str], findings: Findings
) -> None:
    """Note the arguments that Parsl has not, or no longer, or for which there is no option.

    Args:
        call: the call.
        arguments: its arguments by name.
        read: names of those that have been read.
        findings: what is noted goes there.
    """
    known, removed = parameters(call.name), polaris().parsl.removed
    for name in call.later:
        findings.add(
            "PP207", call.line, f"{call.name}.{name}", "the call has it where Parsl counts with it"
        )
    for name, value in arguments.items():
        if name in known:
            if name not in read or isinstance(value, Unknown):
                instead = _INSTEAD.get(name, "left out")
                findings.add("PP504", call.line, f"{name} of {call.name}", instead)
        elif name in removed:
            findings.add(
                "PP501",
                call.line,
                f"{name} of {call.name}, gone since Parsl {removed[name]}",
                REPLACED.get(name, "left out: nothing stands for it any more"),
            )
        else:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "left out"
            findings.add("PP502", call.line, f"{name} of {call.name}", remedy)
