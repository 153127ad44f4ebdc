"""Takes a simple command of the shell apart, to leave out what polaris_parsl does itself."""

import re

_WORD = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\"'\\])+")
_ENVIRONMENT = re.compile(r"(conda|python|cray-python|frameworks|polaris-parsl)(/.*)?")
_OURS = re.compile(r"(TMPDIR|CUDA_MPS_\w+)=")
_ASSIGNMENT = re.compile(r"(\w+)=")


def left_of(command: str) -> str:
    """What is left of a command: modules besides the environment, variables besides ours; "" if none.

    A command of another kind, or one that does not split into plain words, stays whole.
    """
    words = _WORD.findall(command)
    if " ".join(words) != " ".join(command.split()) or re.search(r"[$]\([^)]*\s|`[^`]*\s", command):
        return command
    if words[:2] in (["module", "load"], ["ml", "load"], ["module", "add"]):
        modules = [word for word in words[2:] if not _ENVIRONMENT.fullmatch(word)]
        return " ".join([*words[:2], *modules]) if modules else ""
    assigned = words[1:] if words[:1] == ["export"] else words
    if assigned and all(_ASSIGNMENT.match(word) for word in assigned):
        kept = [word for word in assigned if not _OURS.match(word)]
        return " ".join([*words[: len(words) - len(assigned)], *kept]) if kept else ""
    return command


def without(command: str, left: str) -> str:
    """A command without the words that are left of it, but for its first two."""
    dropped = [word for word in command.split() if word not in left.split()[2:]]
    return " ".join(dropped) if left else command


def variable_of(command: str) -> str:
    """The variable that a command only assigns, without exporting it; "" for other commands."""
    found = _ASSIGNMENT.match(command)
    return found[1] if found else ""


def uses(text: str, variable: str) -> bool:
    """Whether shell text reads a variable."""
    return bool(re.search(rf"\$\{{?{variable}\b", text))
