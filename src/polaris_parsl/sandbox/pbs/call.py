"""A call of a PBS command, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass

from polaris_parsl.sandbox.pbs.refusal import Refusal


@dataclass(frozen=True)
class CommandCall:
    """One call of a PBS command; stdin is None until the client has sent it."""

    argv: list[str]
    cwd: str
    environment: Mapping[str, str]
    stdin: str | None = None


@dataclass
class CommandResult:
    """What the client prints and returns.

    Attributes:
        exit_code: of the client.
        stdout: what it prints.
        stderr: what it prints there.
        wants_stdin: asks it to repeat the call with its standard input.
        waits_for: a job whose end it waits for, to return its exit code; "" for none.
    """

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    wants_stdin: bool = False
    waits_for: str = ""

    def refuse(self, command: str, refusal: Refusal) -> None:
        """Add a refusal; the last one decides the exit code."""
        self.exit_code = refusal.exit_code
        self.stderr += f"{command}: {refusal.text}\n"
