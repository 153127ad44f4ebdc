"""`polaris-parsl audit`: whether the group, and only the group, can use and change a prefix."""

import json
from collections import defaultdict
from typing import Annotated

import typer

from polaris_parsl.cli.places import own_prefix
from polaris_parsl.cli.roots import Prefix
from polaris_parsl.cli.say import say
from polaris_parsl.env.prefix.audit import audit as look_at
from polaris_parsl.env.prefix.permissions import find_group, group_name
from polaris_parsl.errors import ExitCode
from polaris_parsl.installs import group_of
from polaris_parsl.report.words import counted
from polaris_parsl.text import in_line

_SHOWN = 5


def audit(
    prefix: Prefix = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group",
            metavar="PROJ",
            help="The group whose members use the prefix. [default: the group of the prefix]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what a group cannot read or change, and what outsiders can write.

    Exit codes: 0 nothing found, 16 something found.
    """
    place = own_prefix(prefix)
    report = look_at(place, group=find_group(group) if group else group_of(place))
    if as_json:
        say(json.dumps(report.as_json(), indent=2))
    else:
        whose = "a person" if report.group is None else f"the group {group_name(report.group)}"
        say(f"{counted(len(report.findings), 'finding')}: {place}, which belongs to {whose}")
        alike = defaultdict(list)
        for finding in report.findings:
            alike[finding.kind, finding.text].append(finding)
        for (kind, text), findings in alike.items():
            for finding in findings[:_SHOWN]:
                say(f"  {kind}: {in_line(finding.path)}: {in_line(text)}")
                say(f"    fix: {in_line(finding.remedy)}")
            if len(findings) > _SHOWN:
                say(f"  {kind}: {len(findings) - _SHOWN} more like these; --json lists them")
        for text in report.unchecked:
            say(f"  not checked: {in_line(text)}")
    raise typer.Exit(ExitCode.ACCESS if report.findings else ExitCode.DONE)
