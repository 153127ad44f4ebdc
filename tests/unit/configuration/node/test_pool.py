"""The pool finds the modules beside the user's script, and nothing there hides another module."""

import subprocess
import sys
from pathlib import Path

from polaris_parsl.configuration.node import pool


def test_modules_of_the_folder_come_last(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('mine')\n")
    for name in ("json", "parsl"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the real one')\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "program.py").write_text(
        "import json, sys, mine, importlib.util\n"
        "print(__name__, sys.argv[1:], __spec__.name)\n"
        "print(sys.path[-1], 'site-packages' in importlib.util.find_spec('parsl').origin)\n"
    )
    command = [sys.executable, "-P", pool.__file__, "program", str(tmp_path), "--", "-a", "b c"]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": str(tmp_path / "elsewhere")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "mine",
        "__main__ ['-a', 'b c'] program",
        f"{tmp_path} True",
    ]
