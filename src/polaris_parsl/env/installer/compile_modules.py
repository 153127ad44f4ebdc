"""Compiles the modules of wheels, read from the wheels themselves, into archives of byte code.

Started by its path in the base's own Python; standard library only, nothing of this package.

    python -I -S -B compile_modules.py <JOBS

JOBS is JSON: for each wheel its path, the archive to write, its modules (member: name below
site-packages), and the directory that byte code names as theirs.
"""

import importlib.util
import json
import marshal
import sys
import zipfile

# as PEP 552 has it: the magic number; that a hash of the source follows, which nobody compares
_HEAD = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")


def compiled(source: bytes, name: str, below: str) -> "bytes | None":
    """The content of a .pyc file that Python takes without a look at the source; None if it is not valid."""
    try:
        code = compile(source, f"{below}/{name}", "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        # some distributions ship as data what is not valid Python
        return None
    return _HEAD + importlib.util.source_hash(source) + marshal.dumps(code)


def main() -> None:
    """Write the archive of each wheel."""
    for job in json.load(sys.stdin):
        with (
            zipfile.ZipFile(job["wheel"]) as wheel,
            zipfile.ZipFile(job["archive"], "w") as archive,
        ):
            for member, name in job["modules"].items():
                content = compiled(wheel.read(member), name, job["below"])
                if content is not None:
                    archive.writestr(name, content)
            archive.writestr("complete", b"")


if __name__ == "__main__":
    main()
