"""The first look at the command line: what is asked most is answered before typer is imported."""

import gc
import os
import sys
from importlib import import_module
from types import ModuleType

from polaris_parsl.cli.say import say
from polaris_parsl.version import NAME, SAID, VERSION

# After so many new objects Python looks for garbage. Most of ours last until the end, and to look after
# each 700, as Python does by itself, takes up to a sixth of the time.
_OBJECTS = 100_000
_COMPLETES = f"_{NAME.upper().replace('-', '_')}_COMPLETE"


def main(archive: str = "") -> None:
    """Run the command line and exit.

    Args:
        archive: a path of packages for what is not answered here; Python would read its contents
            as soon as any module is not found elsewhere.
    """
    words = sys.argv[1:]
    gc.set_threshold(_OBJECTS)
    try:
        if _COMPLETES not in os.environ and _answers(words):
            return
        sys.path += [archive] if archive else []
        from polaris_parsl.cli import main as whole  # noqa: PLC0415 - it takes its time

        whole.main()
    finally:
        gc.freeze()  # Python would look for garbage once more at its end


def main_of_launcher(archive: str) -> None:
    """The same for bin/polaris-parsl, which learns from the exit code that this was its own Python."""
    code = 0
    try:
        main(archive)
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
    sys.modules.setdefault("inspect", _InspectLater("inspect"))
    from pathlib import Path  # noqa: PLC0415

    from polaris_parsl.cli.listing import print_versions  # noqa: PLC0415
    from polaris_parsl.errors import PolarisParslError  # noqa: PLC0415

    try:
        print_versions(Path(left[1]) if left else None, as_json=as_json)
    except (PolarisParslError, OSError):
        return False
    return True


class _InspectLater(ModuleType):
    """Stands for inspect until something of it is used: dataclasses uses it for classes without a docstring.

    It takes half as long to import as Python takes to start, and a LazyLoader of Python 3.11 loads at once.
    """

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)
