"""The options of qsub; those on the command line override those in #PBS lines."""

import datetime
import getopt
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.directives import QSUB_LETTERS
from polaris_parsl.sandbox.pbs.refusal import BAD_VALUE, USAGE, Refusal

_NOT_IMITATED = {
    "I": ": it has no interactive jobs; submit a script, and reach its nodes with ssh",
    "X": ": it has no interactive jobs",
    **dict.fromkeys("Cf", ""),
}
_USAGE = """\
usage: qsub [-a date_time] [-A account] [-e path] [-j oe|eo] [-k keep] [-l resources] [-m mail]
	[-N name] [-o path] [-q queue] [-r y|n] [-S shell] [-v variables] [-V] [script]"""
_COMMA = re.compile(r"(?<!\\),")


@dataclass
class QsubOptions:
    """What a submission requests: resources of -l, attributes of -W, and qsub's other letters."""

    letters: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)

    def take(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Add options whose letter or resource is not set yet.

        Raises:
            Refusal: a value is malformed.
        """
        before = set(self.letters)
        known = set(self.resources)
        for option, value in pairs:
            letter = option[1]
            if letter == "l":
                for name, wanted in read_resources(value).items():
                    if name not in known:
                        self.resources[name] = wanted
            elif letter == "W":
                name, _, wanted = value.partition("=")
                _check_attribute(name, value)
                self.attributes.setdefault(name, wanted)
            elif letter not in before:
                _check(letter, value)
                self.letters[letter] = value


def read_command_line(words: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The options and operands of a call of qsub.

    Raises:
        Refusal: an option is unknown, has no value or is not imitated.
    """
    try:
        pairs, operands = getopt.getopt(list(words), QSUB_LETTERS)
    except getopt.GetoptError as error:
        problem = "option requires an argument" if "requires" in error.msg else "invalid option"
        raise Refusal(USAGE, f"{problem} -- '{error.opt}'\n{_USAGE}") from error
    for option, _ in pairs:
        if option[1] in _NOT_IMITATED:
            more = _NOT_IMITATED[option[1]]
            raise Refusal(USAGE, f"the sandbox does not imitate {option}{more}")
    return pairs, operands


def read_directives(script: str) -> list[tuple[str, str]]:
    """The options in the #PBS lines before the first command of a script.

    Raises:
        Refusal: qsub would reject a directive.
    """
    pairs: list[tuple[str, str]] = []
    for line in script.splitlines():
        text = line.strip()
        if text and not text.startswith("#"):
            break
        if not text.startswith("#PBS"):
            continue
        directive = text.removeprefix("#PBS").strip()
        try:
            found, _ = read_command_line(shlex.split(directive, comments=True))
        except Refusal as refusal:
            problem = refusal.text.splitlines()[0]
            raise Refusal(1, f"{problem}\nqsub: directive error: {directive} ") from refusal
        except ValueError as error:
            raise Refusal(1, f"directive error: {directive} ") from error
        pairs += found
    return pairs


def read_execution_time(value: str) -> float:
    """The time of `-a [[CC]YY]MMDDhhmm[.SS]`, in seconds of the clock; what it lacks is the next such.

    Raises:
        Refusal: it is not a time.
    """
    match = re.fullmatch(r"(?:((?:\d\d)?\d\d)?(\d{4}))?(\d{4})(?:\.(\d\d))?", value)
    if match is None:
        raise Refusal(USAGE, f"illegal -a value\n{_USAGE}")
    now = datetime.datetime.now().astimezone()
    year, day, minute, second = match.groups()
    century = str(now.year)[: 4 - len(year or "")]
    text = f"{(century + (year or ''))[:4]}{day or now.strftime('%m%d')}{minute}{second or '00'}"
    try:
        found = datetime.datetime.strptime(text, "%Y%m%d%H%M%S").astimezone()
    except ValueError as error:
        raise Refusal(USAGE, f"illegal -a value\n{_USAGE}") from error
    if day is None and found < now:
        found += datetime.timedelta(days=1)
    return found.timestamp()


def read_variables(value: str, environment: dict[str, str]) -> dict[str, str]:
    """The variables of `-v A=1,B`; a name without a value takes it from the environment."""
    variables: dict[str, str] = {}
    for entry in _COMMA.split(value):
        name, equals, text = entry.partition("=")
        if equals:
            variables[name.strip()] = text.replace("\\,", ",")
        elif name in environment:
            variables[name] = environment[name]
    return variables


def read_resources(value: str) -> dict[str, str]:
    """The resources of `-l A=1,B=2`.

    Raises:
        Refusal: it is malformed.
    """
    found: dict[str, str] = {}
    for entry in value.split(","):
        name, equals, wanted = entry.strip().partition("=")
        if not (name and equals and wanted):
            raise Refusal(USAGE, f"illegal -l value\n{_USAGE}")
        found[name] = wanted
    return found


def _check(letter: str, value: str) -> None:
    if letter == "N":
        check_name(value)
    elif letter == "j" and value not in {"oe", "eo", "n"}:
        raise Refusal(USAGE, f"illegal -j value\n{_USAGE}")
    elif letter == "r" and value not in {"y", "n"}:
        raise Refusal(USAGE, f"illegal -r value\n{_USAGE}")
    elif letter == "a":
        read_execution_time(value)
    elif letter == "p" and not value.lstrip("+-").isdigit():
        raise Refusal(BAD_VALUE, "Illegal attribute or resource value Priority")


def _check_attribute(name: str, value: str) -> None:
    if name not in ("block", "depend"):
        raise Refusal(
            USAGE, f"the sandbox imitates only block=... and depend=... of -W, not {value}"
        )


def check_name(name: str) -> None:
    """Refuse a job name that PBS refuses.

    Raises:
        Refusal: the name is too long or has a character that is not allowed.
    """
    if len(name) > polaris().pbs_name_length_max:
        raise Refusal(USAGE, "Job name is too long ")
    if not name or not re.fullmatch(r"[A-Za-z0-9+][!-~]*", name):
        raise Refusal(USAGE, f"illegal -N value\n{_USAGE}")
