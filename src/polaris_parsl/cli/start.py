"""The first look at the command line: what is asked most is answered before typer is imported."""

import os
import sys

from polaris_parsl.cli.say import say
from polaris_parsl.version import NAME, SAID, VERSION

_COMPLETES = f"_{NAME.upper().replace('-', '_')}_COMPLETE"


def main() -> None:
    """Run the command line and exit."""
    words = sys.argv[1:]
    if _COMPLETES not in os.environ and _answers(words):
        return
    from polaris_parsl.cli import main as whole  # noqa: PLC0415 - it takes its time

    whole.main()


def main_of_launcher() -> None:
    """The same for bin/polaris-parsl, which learns from the exit code that this was its own Python."""
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    sys.exit(SAID + code)


def _answers(words: list[str]) -> bool:
    """Answer what is simple and asked for simply; whether it was."""
    if words in (["-h"], ["--help"]):
        from polaris_parsl.cli.table import help_text  # noqa: PLC0415

        say(help_text())
    elif words in (["version"], ["--version"]):
        say(VERSION)
    else:
        return words[:1] == ["list"] and _lists(words[1:])
    return True


def _lists(words: list[str]) -> bool:
    """List versions; False where the words are others, or where something is wrong, which the verb says."""
    as_json = "--json" in words
    left = [word for word in words if word != "--json"]
    if (left[:1] != ["--prefix"] and left) or len(left) not in (0, 2):
        return False
    from pathlib import Path  # noqa: PLC0415

    from polaris_parsl.cli.listing import print_versions  # noqa: PLC0415
    from polaris_parsl.errors import PolarisParslError  # noqa: PLC0415

    try:
        print_versions(Path(left[1]) if left else None, as_json=as_json)
    except (PolarisParslError, OSError):
        return False
    return True
