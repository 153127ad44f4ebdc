"""A program: `polaris-parsl install` that looks at what users see before each of its operations.

    python watched_install.py PREFIX OPTION...

Prints, as JSON, how many operations there were, and what users saw, each change of it once.
"""

import json
import sys
from pathlib import Path

import kills
from polaris_parsl.cli.main import main


def visible(prefix: Path) -> list[str]:
    """Versions, and what the module trees say."""
    return sorted(
        str(path.relative_to(prefix))
        + (f" {path.read_text()}" if path.name.startswith(".modulerc") else "")
        for path in (*prefix.glob("versions/[!.]*"), *prefix.glob("modulefiles*/*/*"))
        if ".staging-" not in path.name
    )


if __name__ == "__main__":
    place = Path(sys.argv[1])
    seen, operations = [visible(place)], 0

    def look(_: str) -> None:
        global operations  # noqa: PLW0603
        operations += 1
        now = visible(place)
        if now != seen[-1]:
            seen.append(now)

    sys.argv[1:2] = ["install", "--prefix", str(place)]
    kills.watch(look)
    main_error = None
    try:
        main()
    except SystemExit as end:
        main_error = end.code
    if seen[-1] != visible(place):
        seen.append(visible(place))
    print(json.dumps({"exit": main_error, "operations": operations, "seen": seen}))
