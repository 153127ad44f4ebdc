"""The verbs with their arguments and options, from the code: for the man page and docs/commands.md."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from polaris_parsl.cli.table import ABOUT, PANELS, Verb
from polaris_parsl.cli.verbs import command_of
from polaris_parsl.version import NAME

_HEAD = f"""\
# The commands of `{NAME}`

{ABOUT} Made by `scripts/reference_pages.py` from the [verbs](../src/polaris_parsl/cli); `{NAME} VERB --help` prints the
same. Options of a configuration are given as `NAME=VALUE` ([all of them](options.md)). The
[README](../README.md#exit-codes-of-polaris-parsl) has the exit codes.
"""
_TYPE = re.compile(r"<(?:list\[)?(\w+)\]?>")
# each verb has it
_EVERYWHERE = {"--help", "-h"}


@dataclass(frozen=True)
class VerbParameter:
    """An argument or option of a verb.

    Attributes:
        words: how it is typed.
        sentence: what it does.
        is_option: whether it begins with a dash.
    """

    words: str
    sentence: str
    is_option: bool


@dataclass(frozen=True)
class VerbHelp:
    """A verb as it is typed.

    Attributes:
        name: of the verb, with its second word if it has one.
        sentence: what it does.
        text: all that its help says of it.
        parameters: its arguments, then its options.
    """

    name: str
    sentence: str
    text: str
    parameters: tuple[VerbParameter, ...]


def helps_of(verb: Verb) -> Iterator[VerbHelp]:
    """A verb, and the one that a second word makes of it."""
    for second in ("", *([verb.second] if verb.second else [])):
        command = command_of(verb, second)
        context = command.make_context(verb.name, [], resilient_parsing=True)
        text = (command.help or "").strip()
        sentence = verb.sentence if not second else text.partition("\n")[0]
        parameters = (_parameter(each, context) for each in command.params)
        found = [each for each in parameters if not set(each.words.split(", ")) & _EVERYWHERE]
        ordered = sorted(found, key=lambda each: each.is_option)
        yield VerbHelp(f"{verb.name} {second}".strip(), sentence, text, tuple(ordered))


def _parameter(each: Any, context: Any) -> VerbParameter:
    words, sentence = each.get_help_record(context) or (each.name, "")
    is_option = each.param_type_name == "option"
    typed = _TYPE.sub(_as_word, words) if is_option else (each.metavar or each.name.upper())
    # the names of all options of a configuration have a place of their own
    sentence = sentence.partition(" All of them:")[0]
    return VerbParameter(" ".join(typed.split()), " ".join(sentence.split()), is_option)


def _as_word(found: "re.Match[str]") -> str:
    """What the help calls `<path>`, as man pages do."""
    return found[1].upper()


def commands_page() -> str:
    """The text of docs/commands.md."""
    lines = [_HEAD]
    for panel, verbs in PANELS.items():
        lines += [f"## {panel}", ""]
        for verb in verbs:
            for usage in helps_of(verb):
                lines += [f"### {usage.name}", "", *_paragraphs(usage), ""]
                if verb.needs_source:
                    lines += ["In a source tree only: an install does not offer it.", ""]
                if usage.parameters:
                    lines += ["| | |", "|---|---|"]
                    lines += [
                        f"| {_code(each.words)} | {_cell(each.sentence)} |"
                        for each in usage.parameters
                    ]
                    lines.append("")
    return "\n".join(lines)


def _paragraphs(usage: VerbHelp) -> list[str]:
    return [
        line
        for part in (usage.text or usage.sentence).split("\n\n")
        for line in (" ".join(part.split()), "")
    ][:-1]


def _code(text: str) -> str:
    return f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
