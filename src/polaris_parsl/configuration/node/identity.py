"""Print what a local interpreter needs to be this one; standard library only.

    python -P -m polaris_parsl.configuration.node.identity IMAGE

Nothing, if this is not the interpreter that made IMAGE. The text is what `start.py` reads from POLARIS_PARSL_IDENTITY. The job script asks for it once for a block.
"""

import marshal
import sys
from collections.abc import Iterator
from pathlib import Path

from polaris_parsl.configuration.node.start import Image


def identity(root: str) -> dict[str, object]:
    """Where this interpreter lies, its module path, and what it runs at each start."""
    return {
        "root": root,
        "names": {
            name: getattr(sys, name)
            for name in (
                "executable",
                "_base_executable",
                "prefix",
                "exec_prefix",
                "base_prefix",
                "base_exec_prefix",
                "_stdlib_dir",
            )
            if hasattr(sys, name)
        },
        "path": list(sys.path),
        "hooks": list(hooks()),
    }


def hooks() -> Iterator[str]:
    """The lines of .pth files that Python runs at its start, in its order."""
    for folder in sys.path:
        for file in sorted(Path(folder).glob("*.pth")):
            for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
                if line.startswith(("import ", "import\t")):
                    yield line


if __name__ == "__main__":
    image = Image(sys.argv[1])
    if image.is_fit:
        root = str(Path(sys.argv[1]).parent)
        sys.stdout.write(marshal.dumps(identity(root)).hex() + "\n")
