"""The verbs of the command: what each does, in a sentence, and where help shows it.

A verb is a file of this room with a function of its name. It is imported when it is used, not when
the verbs are listed: they import much, and each process uses one.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from polaris_parsl.files import checkout

# What the root of the command and each verb take alike.
CONTEXT = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Verb:
    """A row of the table below.

    Attributes:
        name: of the verb and its file.
        sentence: what it does; the docstring of its function begins with the same.
        function: its function, where that cannot have the name of the verb.
        needs_source: whether it works in a source tree only, because it builds from that.
        second: a second word that makes it another verb, with a function of that name in its file.
    """

    name: str
    sentence: str
    function: str = ""
    needs_source: bool = False
    second: str = ""


PANELS = {
    "Run": (
        Verb("init", "Write a small workflow that runs as it is, in the sandbox and on the system."),
        Verb("explain", "Show every value that polaris_parsl.config passes to Parsl, and who set it."),
        Verb("script", "Print the job script of each executor, and the command that submits it."),
        Verb("submit", "Run a workflow in a PBS job of its own, driver and workers on the nodes of the job."),
        Verb("sandbox", "Run a command on a pretended login node, with qsub, qstat and qdel.", second="fault"),
        Verb("adopt", "Translate a configuration or job script, and list its mistakes."),
        Verb("endpoint", "Print or write the template of a Globus Compute endpoint."),
    ),
    "Look": (
        Verb("status", "Show how a run stands: blocks, tasks, rate, and what the walltime will cut."),
        Verb("runs", "List the runs of a directory with state, tasks and node-hours."),
        Verb("report", "Show what happened in a run: one HTML file, text or JSON."),
        Verb("queues", "List the queues with their limits, or compare them with PBS."),
        Verb("list", "List the versions of a prefix.", function="list_versions"),
        Verb("doctor", "Check an install, the shell and this machine; name causes and remedies."),
        Verb("verify", "Compare an install and its base with the receipt, or a bundle with this machine."),
        Verb("version", "Print the version."),
    ),
    "Install": (
        Verb("install", "Install Parsl on a base Python, with a module that loads it.", needs_source=True),
        Verb("wheelhouse", "Collect all that an install needs without a network.", needs_source=True),
        Verb("venv", "Make an environment for your own packages on top of an install."),
        Verb("kernel", "Install a Jupyter kernel that starts through the module of an install."),
    ),
    "Papers": (
        Verb("pin", "Make a bundle that records an install and a run, and can build the install again."),
        Verb("recreate", "Build the install of a bundle again, and compare every file."),
    ),
    "Maintain": (
        Verb("default", "Choose the version that `module load polaris-parsl` loads."),
        Verb("rollback", "Undo the last change of the default or of a deprecation."),
        Verb("deprecate", "Show a deprecation notice when a version is loaded."),
        Verb("remove", "Remove a version unless a job or process uses it."),
        Verb("rebase", "Build a version again on another base, with the same locks."),
        Verb("repair", "Finish what a killed command left, and render the modulefiles again."),
        Verb("audit", "List what a group cannot read or change, and what outsiders can write."),
        Verb("lock", "Solve environment.yml again and replace all locks.", needs_source=True),
    ),
}  # fmt: skip


class Verbs(TyperGroup):
    """All verbs, in their panels."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for panel, verbs in PANELS.items():
            for verb in verbs:
                self.add_command(LazyVerb(verb, panel))


class LazyVerb(TyperCommand):
    """A verb in the list, which is imported when it is used."""

    def __init__(self, verb: Verb, panel: str) -> None:
        # an install lists only what works there
        is_hidden = verb.needs_source and checkout() is None
        super().__init__(verb.name, help=verb.sentence, rich_help_panel=panel, hidden=is_hidden)
        self.verb = verb

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the arguments of the verb, by its own function."""
        module = import_module(f"polaris_parsl.cli.{self.verb.name}")
        app = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, context_settings=CONTEXT
        )
        function = self.verb.function or self.verb.name
        if self.verb.second and args[:1] == [self.verb.second]:
            function, info_name, args = self.verb.second, f"{info_name} {args[0]}", args[1:]
        app.command(self.verb.name)(getattr(module, function))
        command = typer.main.get_command(app)
        return command.make_context(info_name, args, parent, **extra)
