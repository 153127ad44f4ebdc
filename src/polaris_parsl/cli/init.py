"""`polaris-parsl init`: a small workflow that runs as it is, with its file of options."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.places import absolute
from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import UserOpts, texts_of
from polaris_parsl.env.user.project import NOTEBOOK, plan_project, templates, write_project
from polaris_parsl.options.sources import PROJECT_FILE
from polaris_parsl.version import NAME


def init(
    directory: Annotated[Path, typer.Argument(help="Directory to write into; it is made.")],
    options: UserOpts = None,
    template: Annotated[
        str,
        typer.Option(
            "--template",
            help=f"What the workflow shows: {', '.join(templates())}.",
            autocompletion=lambda: [*templates()],
        ),
    ] = "sweep",
) -> None:
    """Write a small workflow that runs as it is, in the sandbox and on the system.

    The options go into its polaris-parsl.toml.
    """
    texts = texts_of(options)
    project = plan_project(absolute(directory), template, texts)
    write_project(project)
    say(f"wrote {', '.join(project.files)} into {project.folder}")
    run = f"python {project.workflow}"
    if project.workflow == NOTEBOOK:
        run = f"jupyter lab {project.workflow}"
    say("next:")
    say(f"  cd {shlex.quote(str(directory))}")
    say(f"  {NAME} sandbox -- {run}   # rehearse it")
    on_system = f"{NAME} kernel" if project.workflow == NOTEBOOK else f"{NAME} submit -- {run}"
    first = "" if "account" in texts else f", once your account stands in {PROJECT_FILE}"
    say(f"  {on_system}   # on the system{first}")
