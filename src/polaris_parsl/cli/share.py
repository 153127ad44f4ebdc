"""What an install has beside its command: the man page, and the completions that the module loads.

python -I -B -m polaris_parsl.cli.share DIRECTORY
"""

import gc
import sys
from pathlib import Path

from typer.completion import get_completion_script  # type: ignore[attr-defined] # not listed

from polaris_parsl.cli.reference import helps_of
from polaris_parsl.cli.table import PANELS, Verb, works_here
from polaris_parsl.errors import ExitCode
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.version import NAME, VERSION

SHELLS = ("bash", "fish", "zsh")


def main(folder: Path) -> None:
    """Write all of it."""
    man, completions = folder / "man" / "man1", folder / "completions"
    for each in (man, completions):
        each.mkdir(parents=True)
    (man / f"{NAME}.1").write_text(man_page(), encoding="utf-8")
    for shell in SHELLS:
        (completions / shell).write_text(completion(shell), encoding="utf-8")


def completion(shell: str) -> str:
    """The text with which a shell learns to complete the command."""
    variable = f"_{NAME.upper().replace('-', '_')}_COMPLETE"
    text = get_completion_script(prog_name=NAME, complete_var=variable, shell=shell).strip()
    # zsh knows compdef once its user has asked for completion
    return f"if (( $+functions[compdef] )); then\n{text}\nfi\n" if shell == "zsh" else f"{text}\n"


def man_page() -> str:
    """The man page, made from the verbs; those that need a source tree have no options in an install."""
    lines = [
        f'.TH {NAME.upper()} 1 "" "{NAME} {VERSION}"',
        ".SH NAME",
        f"{_roff(NAME)} \\- Parsl on ALCF Polaris: install it, rehearse it, pin it",
        ".SH SYNOPSIS",
        f".B {_roff(NAME)}",
        "VERB [OPTION]... [ARGUMENT]...",
        ".SH DESCRIPTION",
        "Options of a configuration are given as NAME=VALUE.",
        "Each verb takes \\-\\-help.",
    ]
    for panel, verbs in PANELS.items():
        lines.append(f".SS {panel}")
        for verb in verbs:
            lines += _verb(verb)
    lines.append(".SH OPTIONS OF A CONFIGURATION")
    for option in OPTIONS.values():
        default = option.otherwise or repr(option.default_value)
        words = f"{option.help} Default: {default}."
        lines += [".TP", f".B {_roff(option.name)}={_roff(option.type_in_words)}", _roff(words)]
    lines.append(".SH EXIT STATUS")
    for code in ExitCode:
        lines += [".TP", f".B {code:d}", _roff(code.meaning)]
    lines += [
        ".SH SEE ALSO",
        f"{_roff('docs/')} of the source tree;",
        ".B module help polaris\\-parsl",
    ]
    return "\n".join(lines) + "\n"


def _verb(verb: Verb) -> list[str]:
    if not works_here(verb):
        return [".TP", f".B {_roff(verb.name)}", _roff(verb.sentence), "In a source tree only."]
    lines = []
    for usage in helps_of(verb):
        lines += [".TP", f".B {_roff(usage.name)}", _roff(usage.sentence), ".RS"]
        for each in usage.parameters:
            lines += [".TP", f".B {_roff(each.words)}", _roff(each.sentence)]
        lines.append(".RE")
    return lines


def _roff(text: str) -> str:
    """Text in which nothing is markup; of Markdown's, backticks are left out."""
    plain = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return f"\\&{plain}" if plain[:1] in (".", "'") else plain


if __name__ == "__main__":
    # what it imports is no garbage, at its end neither
    gc.disable()
    main(Path(sys.argv[1]))
    gc.freeze()
