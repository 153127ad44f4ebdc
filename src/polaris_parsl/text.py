"""What others wrote, addresses with passwords, and nouns after numbers, in the form that a user sees."""

import re

_PASSWORDS = re.compile(r"//\S*@")


def printable(text: str) -> str:
    """A text of somebody else, without what moves the cursor or hides words in a terminal."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


def in_line(text: object) -> str:
    """The same for a name or a reason within a line of ours: it begins no line of its own."""
    return printable(str(text)).replace("\n", "\\n").replace("\t", "\\t")


def shown_url(address: str) -> str:
    """An address without user and password, whatever characters a password has."""
    scheme, found, rest = address.strip().partition("://")
    if not found:
        scheme, rest = "", scheme
    return printable(f"{scheme}{found}{rest.rpartition('@')[2]}")


def without_passwords(text: str) -> str:
    """The words of a program, in which addresses have no user and password."""
    return _PASSWORDS.sub("//", text)


def plural(number: int, thing: str) -> str:
    """The noun after a number of things: 1 node, 2 nodes."""
    return thing if number == 1 else f"{thing}s"
