"""Reads the "#PBS ..." lines of a user, and refuses those that qsub would refuse or ignore.

Parsl writes its own directives before the user's and gives qsub the account and the queue on
its command line. PBS takes the first of competing values, so a user's walltime or queue in
such a line would be ignored without a word (Parsl issue 2220).
"""

import getopt
import re
import shlex
from collections.abc import Sequence

from polaris_parsl.errors import OptionError

# Letters of OpenPBS's qsub, those with an argument before a colon.
QSUB_LETTERS = "a:A:c:C:e:fhIj:J:k:l:m:M:N:o:p:P:q:r:R:S:u:v:VW:Xz"

_OURS = {
    "-A": "give account=",
    "-q": "give queue=",
    "-N": "give label=, which is part of the job's name",
    "-S": "leave it out: Parsl's script is for bash",
    "-o": "leave it out: the output is found under run_dir",
    "-e": "leave it out: the output is found under run_dir",
    "-j": "leave it out: Parsl shows both outputs",
    "-k": "leave it out: the site sets it",
    "-J": "leave it out: each block is a job of its own; give max_blocks=",
    "-h": "leave it out: Parsl would submit more and more jobs while one is held",
    "-I": "leave it out: Parsl needs no terminal",
    "-X": "leave it out: Parsl needs no terminal",
    "-f": "leave it out: Parsl reads the job's id from qsub",
    "-z": "leave it out: Parsl reads the job's id from qsub",
    "-C": "leave it out: the script has #PBS lines",
}
_OUR_RESOURCES = {
    "walltime": "give walltime=",
    "select": "give nodes_per_block= and cpus_per_node=",
    "nodes": "give nodes_per_block=",
    "nodect": "give nodes_per_block=",
    "ncpus": "give cpus_per_node=",
    "ngpus": "leave it out: every node is asked for with all its GPUs",
}
# Attributes that -W sets.
_OUR_ATTRIBUTES = {
    "block": "leave it out: qsub would wait for the end of the job, and Parsl for qsub",
    "depend": "leave it out: Parsl would submit more and more jobs while one is held",
    "interactive": "leave it out: Parsl needs no terminal",
}
_VALUES = {"-r": re.compile("[yn]"), "-p": re.compile(r"[+-]?\d+"), "-m": re.compile("n|[abej]+")}
_PLACE = re.compile(
    r"(free|pack|scatter|vscatter)?(:?(excl|exclhost|shared))?(:?group=[A-Za-z0-9_]+)?"
)


def read_scheduler_options(name: str, text: str) -> list[tuple[str, str]]:
    """The options in lines of "#PBS ...", as pairs of option and value.

    Args:
        name: name of the option that the text is of, for messages.
        text: the lines.

    Raises:
        OptionError: a line is not a directive, or PBS would refuse or ignore it.

    Source: qsub(1B) of OpenPBS; Parsl's issue 2220; ALCF docs/running-jobs/index.md on -k.
    """
    pairs = []
    for line in (each.strip() for each in text.splitlines()):
        if line:
            pairs += _directive(name, line)
    return pairs


def resources(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The resources that -l options ask for; of several values PBS takes the first."""
    found: dict[str, str] = {}
    for option, value in pairs:
        if option == "-l":
            for entry in value.split(","):
                resource, _, wanted = entry.partition("=")
                found.setdefault(resource.strip(), wanted)
    return found


def _directive(name: str, line: str) -> list[tuple[str, str]]:
    if not line.startswith("#PBS ") or not line.isprintable():
        raise OptionError(
            f"{name} has a line that is not a PBS directive: {line!r}",
            remedy='begin each line with "#PBS ", for instance "#PBS -l filesystems=home:eagle"',
        )
    try:
        words = shlex.split(line.removeprefix("#PBS "), comments=True)
        pairs, rest = getopt.getopt(words, QSUB_LETTERS)
    except (ValueError, getopt.GetoptError) as error:
        raise OptionError(
            f"{name} has a line that qsub would not understand: {line!r} ({error})",
            remedy="write options of qsub, for instance -l place=scatter",
        ) from error
    if rest or not pairs:
        raise OptionError(
            f"{name} has a line with {' '.join(rest) or 'nothing'} where qsub looks for an "
            f"option: {line!r}",
            remedy='write options of qsub, for instance "#PBS -l filesystems=home:eagle"',
        )
    for option, value in pairs:
        _refuse_option(name, option, value)
    return pairs


def _refuse_option(name: str, option: str, value: str) -> None:
    if option in _OURS:
        raise OptionError(
            f"{name} sets {option} {value}".rstrip() + ", which PBS would take from Parsl",
            remedy=_OURS[option],
        )
    form = _VALUES.get(option)
    if form is not None and not form.fullmatch(value):
        raise OptionError(
            f"{name} has {option} {value!r}, which qsub does not take",
            remedy=f"look up {option} in `man qsub`",
        )
    if option == "-l":
        for entry in value.split(","):
            _refuse_resource(name, entry.strip())
    if option == "-W":
        for attribute in re.findall(r"(?:^|,)\s*(\w+)\s*=", value):
            if attribute in _OUR_ATTRIBUTES:
                raise OptionError(
                    f"{name} sets -W {value}, which no block can have",
                    remedy=_OUR_ATTRIBUTES[attribute],
                )


def _refuse_resource(name: str, entry: str) -> None:
    resource, equals, wanted = entry.partition("=")
    if not re.fullmatch(r"[A-Za-z]\w*", resource) or not equals or not wanted:
        raise OptionError(
            f"{name} asks for {entry!r}, which is not of the form resource=value",
            remedy="write for instance -l filesystems=home:eagle",
        )
    if resource in _OUR_RESOURCES:
        raise OptionError(
            f"{name} asks for {entry}, which PBS would ignore: Parsl's own directive comes first",
            remedy=_OUR_RESOURCES[resource],
        )
    if resource == "place" and not _PLACE.fullmatch(wanted):
        raise OptionError(
            f"{name} asks for {entry}, a placement that PBS does not know",
            remedy="use place=scatter, or another of free, pack and vscatter",
        )
    if resource == "filesystems" and not re.fullmatch(r"\w+(:\w+)*", wanted):
        raise OptionError(
            f"{name} asks for {entry}, which is not a list of filesystems",
            remedy="join their names with colons, for instance filesystems=home:eagle",
        )
