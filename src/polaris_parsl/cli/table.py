"""The verbs of the command: what each does, in a sentence, and where help shows it.

A verb is a file of this room with a function of its name. This module and `start` import next to
nothing, so that `polaris-parsl --help` is as quick as Python itself.
"""

import os

from polaris_parsl.version import NAME


class Verb:
    """A row of the table below.

    Attributes:
        name: of the verb and its file.
        sentence: what it does; the docstring of its function begins with the same.
        function: its function, where that cannot have the name of the verb.
        needs_source: whether it works in a source tree only, because it builds from that.
        second: a second word that makes it another verb, with a function of that name in its file.
    """

    def __init__(
        self,
        name: str,
        sentence: str,
        *,
        function: str = "",
        needs_source: bool = False,
        second: str = "",
    ) -> None:
        self.name, self.sentence, self.function = name, sentence, function or name
        self.needs_source, self.second = needs_source, second


ABOUT = "Parsl on ALCF Polaris: install it, rehearse it, pin it."
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
        Verb("scale", "Predict what the start of a block asks of shared file systems."),
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


def works_here(verb: Verb) -> bool:
    """Whether a verb is offered: an install lists only what works there."""
    return not verb.needs_source or os.path.isfile(_SOURCE_MARK)  # noqa: PTH113 - pathlib takes its time


def help_text() -> str:
    """What `polaris-parsl --help` prints."""
    lines = [f"Usage: {NAME} [OPTIONS] COMMAND [ARGS]...", "", ABOUT]
    for title, rows in (("Options", _OPTIONS), *_panels()):
        lines += ["", f"{title}:", *(f"  {name:<20}  {sentence}" for name, sentence in rows)]
    return "\n".join([*lines, "", f"{NAME} COMMAND --help tells more."])


def _panels() -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (panel, [(verb.name, verb.sentence) for verb in verbs if works_here(verb)])
        for panel, verbs in PANELS.items()
    ]


_OPTIONS = [
    ("--debug", "Show each command that is run, and tracebacks."),
    ("--version", "Print the version."),
    ("--install-completion", "Let this shell complete the verbs and their options."),
    ("--show-completion", "Print what --install-completion writes."),
    ("-h, --help", "Print this."),
]
_SOURCE_MARK = os.path.join(os.path.dirname(__file__), "..", "..", "..", "pyproject.toml")  # noqa: PTH118, PTH120
