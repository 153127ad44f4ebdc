"""Arguments of Parsl's classes: names, Parsl's defaults, and those without an option here."""

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

import parsl.config
import parsl.executors
import parsl.launchers
import parsl.providers

from polaris_parsl.adopt.python_file import ParslCall, Unknown
from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import REPLACED

_MODULES = (parsl.config, parsl.executors, parsl.launchers, parsl.providers)
# What happens to arguments that have no option here.
_INSTEAD = {
    "monitoring": "pass monitoring=True, or set it on the result: config.monitoring = ...",
    "retry_handler": "set it on the result: config.retry_handler = ...",
    "working_dir": "left out: tasks start in run_dir",
    "mem_per_worker": "left out: the number of workers follows from GPUs and CPUs",
    "worker_logdir_root": "left out: logs are written to run_dir",
    "start_method": 'left out: workers are spawned; start_method="forkserver" forks them from one process',
    "launch_cmd": "left out: workers run with the interpreter of your script",
    "interchange_launch_cmd": "left out: it runs with the interpreter of your script",
}


# Of HighThroughputExecutor and those made of it; all other attributes Parsl reads when it uses them.
_READ_AT_CONSTRUCTION = (
    "address", "available_accelerators", "cores_per_worker", "max_workers_per_node", "mem_per_worker",
    "max_workers_per_block", "provider",
)  # fmt: skip


def parameters(name: str) -> dict[str, Any]:
    """The parameters and defaults of a class of the installed Parsl; empty for an unknown class."""
    kind = next((getattr(module, name) for module in _MODULES if hasattr(module, name)), None)
    if kind is None:
        return {}
    found = inspect.signature(kind.__init__).parameters.values()
    return {each.name: each.default for each in found if each.name != "self"}


def complete(call: ParslCall, wanted: Iterable[str]) -> dict[str, Any]:
    """The arguments of a call by name, with Parsl's default for each wanted one that it omits.

    Args:
        call: the call.
        wanted: names of arguments whose default is added.
    """
    known = parameters(call.name)
    by_place = dict(zip(known, call.args, strict=False))
    given = {**by_place, **call.arguments}
    return {name: known[name] for name in wanted if name in known} | given


def note_untranslated(
    call: ParslCall, arguments: dict[str, Any], read: Iterable[str], findings: AdoptFindings
) -> None:
    """Note the arguments that Parsl lacks or has removed, and those without an option here.

    Args:
        call: the call.
        arguments: its arguments by name.
        read: names of the arguments that have been translated.
        findings: the list that the notes are added to.
    """
    known, removed = parameters(call.name), polaris().parsl.removed
    for name in (name for name in call.later if name in _READ_AT_CONSTRUCTION):
        findings.add(
            "PP207",
            call.line,
            f"{call.name}.{name}",
            "the call passes it as an argument, so that Parsl uses it",
        )
    for name, value in arguments.items():
        if name in known:
            if name in read and isinstance(value, Unknown):
                text = f"{name} of {call.name}, a {value.type_name} whose value is not known"
                findings.add("PP506", call.line, text, "left out: give it to the call yourself")
            elif name not in read:
                instead = _INSTEAD.get(name, "left out")
                findings.add("PP504", call.line, f"{name} of {call.name}", instead)
        elif name in removed:
            findings.add(
                "PP501",
                call.line,
                f"{name} of {call.name}, gone since Parsl {removed[name]}",
                REPLACED.get(name) or _INSTEAD.get(name, "left out: nothing replaces it"),
            )
        else:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "left out"
            findings.add("PP502", call.line, f"{name} of {call.name}", remedy)
