"""`polaris-parsl sandbox`: run a command on a pretended login node, and let things go wrong there."""

from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.sandbox.faults.fault import ALL, DIRECTORIES, KINDS, RUNNING, Fault
from polaris_parsl.text import plural

NODES_DEFAULT = 4
END = "end"


def sandbox(
    command: Annotated[
        list[str], typer.Argument(help="Command and its arguments; put -- before it.")
    ],
    *,
    nodes: Annotated[
        int, typer.Option("--nodes", help="Number of pretended compute nodes.", min=1)
    ] = NODES_DEFAULT,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Directory that keeps the jobs. [default: a temporary one]"),
    ] = None,
    faults: Annotated[
        Path | None,
        typer.Option("--faults", help="TOML file of faults to make, as `sandbox fault` does."),
    ] = None,
    shared: Annotated[
        list[Path] | None,
        typer.Option(
            "--shared",
            help="Directory that all nodes share, besides your home. [default: the working directory]",
        ),
    ] = None,
    queues: Annotated[
        list[str] | None,
        typer.Option("--queue", help="Queue that the facts lack, such as a workshop's."),
    ] = None,
) -> None:
    """Run a command on a pretended login node, with qsub, qstat and qdel.

    Inside, `polaris-parsl sandbox fault KIND [TARGET]` lets something go wrong.
    """
    from polaris_parsl.sandbox.launch import run_sandbox  # noqa: PLC0415 - other verbs need none of it

    code = run_sandbox(
        command,
        nodes=nodes,
        state=state,
        faults=faults,
        shared=shared or (),
        queues=queues or (),
    )
    raise typer.Exit(code)


def fault(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS)}; or {END}.")],
    target: Annotated[
        str,
        typer.Argument(
            help="A PBS command, or `all`; a job id, `latest`, `next` or `job-1`; a node, `head` or "
            "`last`; a directory; with `end` a kind."
        ),
    ] = "",
    *,
    after: Annotated[
        float, typer.Option("--after", help="Seconds to wait; of a job, once it is as it must be.")
    ] = 0.0,
    lasts: Annotated[float | None, typer.Option("--for", help="Seconds until it is over.")] = None,
    by: Annotated[
        float | None,
        typer.Option("--by", help="How many seconds answers come late. [default: 5 for slow]"),
    ] = None,
    when: Annotated[
        str, typer.Option("--when", help=f"Wait until the job is queued or {RUNNING}.")
    ] = "",
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", help="State directory of the sandbox. [default: the one around us]"
        ),
    ] = None,
) -> None:
    """Let something go wrong in a running sandbox."""
    from polaris_parsl.sandbox.faults.ask import ask_for, ask_to_end  # noqa: PLC0415 - as above

    if kind == END:
        count = ask_to_end(target or ALL, state=state)
        say(f"{count} {plural(count, 'fault')} ended")
        return
    if kind in DIRECTORIES:
        target = str(Path(target or ".").absolute())
    ask_for(Fault(kind, target, after, lasts, by, when), state=state)
