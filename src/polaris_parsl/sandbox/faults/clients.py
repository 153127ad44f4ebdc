"""Faults of the PBS commands: what a client gets that is not the server's answer."""

from collections.abc import Callable

from polaris_parsl.errors import SandboxError
from polaris_parsl.sandbox.event_loop import EventLoop
from polaris_parsl.sandbox.faults.fault import ALL, Fault
from polaris_parsl.sandbox.pbs.call import CommandCall, CommandResult
from polaris_parsl.sandbox.pbs.commands import COMMANDS
from polaris_parsl.sandbox.pbs.outage import server_down
from polaris_parsl.sandbox.pbs.show import json_document
from polaris_parsl.sandbox.protocol import ClientRequest

CarryOut = Callable[[], CommandResult]
_POLL_SECONDS = 0.1
_DEFAULT_TARGETS = {"no-jobs": "qstat", "first-only": "qstat", "lost-answer": "qsub"}
_BEFORE = {"down", "error", "hang", "slow"}
_GARBAGE = "\x1b[0m}{ this is not an answer of PBS\n"


def default_target(fault: Fault) -> str:
    """The command that the fault is about.

    Raises:
        SandboxError: there is no such command.
    """
    target = fault.target or _DEFAULT_TARGETS.get(fault.kind, ALL)
    if target != ALL and target not in COMMANDS:
        raise SandboxError(
            f"{fault.kind}: the sandbox has no command {target}",
            remedy=f"choose {', '.join(COMMANDS)} or {ALL}",
        )
    return target


class ClientFaults:
    """The faults of commands that are in force now."""

    def __init__(self, event_loop: EventLoop) -> None:
        self._event_loop = event_loop
        self._faults: list[Fault] = []

    def begin(self, fault: Fault) -> Callable[[], None]:
        """Put the fault into force; returns what ends it."""
        self._faults.append(fault)
        return lambda: self._faults.remove(fault)

    def serve(self, request: ClientRequest, call: CommandCall, carry_out: CarryOut) -> None:
        """Answer a client, as the fault of its command says."""
        fault = self._of(request.tool)
        # A qsub that reads its script asks twice; the first time was late enough.
        asks_again = call.stdin is not None
        if fault is None or (asks_again and fault.kind in _BEFORE):
            request.answer(**vars(carry_out()))
        elif fault.kind == "down":
            request.answer(**vars(server_down(request.tool, call.argv)))
        elif fault.kind == "error":
            request.answer(exit_code=1, stderr=f"{request.tool}: Communication failure.\n")
        elif fault.kind == "hang":
            self._when_over(fault, request, call, carry_out)
        elif fault.kind == "slow":
            self._event_loop.later(fault.late_seconds, lambda: _late(request, carry_out))
        else:
            self._spoil(fault, request, call, carry_out)

    def _of(self, tool: str) -> Fault | None:
        """The newest fault of a command."""
        found = (each for each in reversed(self._faults) if default_target(each) in {tool, ALL})
        return next(found, None)

    def _when_over(
        self, fault: Fault, request: ClientRequest, call: CommandCall, carry_out: CarryOut
    ) -> None:
        if request.is_gone():
            request.close()
        elif fault in self._faults:
            self._event_loop.later(
                _POLL_SECONDS, lambda: self._when_over(fault, request, call, carry_out)
            )
        else:
            self.serve(request, call, carry_out)

    def _spoil(
        self, fault: Fault, request: ClientRequest, call: CommandCall, carry_out: CarryOut
    ) -> None:
        if fault.kind == "first-only":
            call.argv[:] = _only_first(call.argv)
        result = carry_out()
        if result.wants_stdin:
            request.answer(**vars(result))
        elif fault.kind == "lost-answer":
            lost = vars(server_down(request.tool, call.argv))
            self._event_loop.later(fault.late_seconds, lambda: request.answer(**lost))
        else:
            request.answer(**vars(_spoilt(fault.kind, result)))


def _late(request: ClientRequest, carry_out: CarryOut) -> None:
    if request.is_gone():
        request.close()
    else:
        request.answer(**vars(carry_out()))


def _spoilt(kind: str, result: CommandResult) -> CommandResult:
    if kind == "garbage":
        return CommandResult(stdout=_GARBAGE)
    if kind == "truncated":
        return CommandResult(stdout=result.stdout[: len(result.stdout) // 2])
    if kind == "empty":
        return CommandResult()
    if kind == "no-jobs":
        return CommandResult(stdout=json_document("Jobs", {}))
    return result


def _only_first(words: list[str]) -> list[str]:
    """A command line with the first of its job ids only."""
    ids = [word for word in words if word[:1].isdigit()]
    return [word for word in words if word not in ids[1:]]
