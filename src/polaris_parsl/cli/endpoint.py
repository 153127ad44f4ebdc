"""`polaris-parsl endpoint`: the template of a Globus Compute endpoint."""

import os
import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import UserOpts, read_words
from polaris_parsl.env.prefix.staging import write_atomically
from polaris_parsl.errors import MissingToolError, PrefixError
from polaris_parsl.options.lookup import FOR_ENDPOINT_USERS


def endpoint(
    options: UserOpts = None,
    user_option: Annotated[
        list[str] | None,
        typer.Option(
            "--user-option",
            metavar="NAME",
            help="Let the users of the endpoint set this option, within the limits of the queues: "
            f"{' or '.join(FOR_ENDPOINT_USERS)}. May be repeated.",
        ),
    ] = None,
    environment: Annotated[
        Path | None,
        typer.Option(
            "--environment",
            help="Environment with globus-compute-endpoint, for the endpoint and its workers. "
            "[default: the environment of the globus-compute-endpoint on PATH]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Directory to write the template and its schema into."),
    ] = None,
) -> None:
    """Print or write the template of a Globus Compute endpoint.

    By default it runs one task per GPU.
    """
    # parsl takes its time
    from polaris_parsl.endpoint.environment import PROGRAM, inspect  # noqa: PLC0415
    from polaris_parsl.endpoint.files import SCHEMA, TEMPLATE, endpoint_files  # noqa: PLC0415

    found = inspect(environment or _on_path())
    files = endpoint_files(read_words(options), found, choices=user_option or [])
    if output is None:
        say(files.template, end="")
        say(f"next: add --output DIR, which also writes {SCHEMA}", to_errors=True)
        return
    template, schema = output / TEMPLATE, output / SCHEMA
    _write({template: files.template, schema: files.schema})
    say(
        "next:\n"
        # the endpoint looks itself up on PATH
        f"  export PATH={shlex.quote(str(found.python.parent))}:$PATH\n"
        f"  {PROGRAM} configure --template-config {shlex.quote(str(template))} "
        f"--schema-config {shlex.quote(str(schema))} NAME\n"
        f"  {PROGRAM} start NAME",
        to_errors=True,
    )


def _on_path() -> Path:
    name = "globus-compute-endpoint"
    program = shutil.which(name, path=os.environ.get("PATH"))
    if program is None:
        raise MissingToolError(
            f"there is no {name} on PATH",
            remedy="activate its environment, or name it with --environment",
        )
    path = Path(program)
    # pipx and the like put a link on PATH
    return (path.resolve() if path.is_symlink() else path).parent.parent


def _write(files: dict[Path, str]) -> None:
    """Write all files, or none if another file has one of their names."""
    try:
        for path, text in files.items():
            if path.exists() and path.read_text(encoding="utf-8") != text:
                raise PrefixError(
                    f"{path} exists with other contents",
                    remedy="move it away, or choose another directory with --output",
                )
        for path, text in files.items():
            write_atomically(path, text)
            say(str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise PrefixError(
            f"cannot write the files of the endpoint: {error}",
            remedy="choose another directory with --output",
        ) from error
