"""The directories for libraries are read from a compiled file, and changed in it."""

import ctypes
import subprocess
from pathlib import Path

import zmq.backend.cython as compiled

from polaris_parsl.configuration.node.elf import loaded, with_run_path

LIBRARY = next(Path(compiled.__file__).parent.glob("_zmq*.so"))


def directories(data: bytes) -> str:
    """What a file says."""
    seen: list[str] = []

    def note(paths: str) -> str:
        seen.append(paths)
        return paths

    with_run_path(data, note)
    return seen[0]


def test_directories_are_replaced_by_others_that_are_no_longer() -> None:
    data = LIBRARY.read_bytes()
    old = directories(data)
    assert "$ORIGIN" in old
    changed = with_run_path(data, lambda _: "$ORIGIN/x")
    assert directories(changed) == "$ORIGIN/x"
    assert len(changed) == len(data)
    assert with_run_path(data, lambda _: old + "longer") == data


def test_what_is_never_loaded_is_left_out_and_the_rest_works(tmp_path: Path) -> None:
    """A library with symbols for debuggers, which the machine's own compiler makes."""
    source, library = tmp_path / "answer.c", tmp_path / "answer.so"
    source.write_text("static int kept[4096]; int answer(int at) { return kept[at] + 42; }\n")
    subprocess.run(["cc", "-g3", "-shared", "-fPIC", "-o", library, source], check=True)
    data = library.read_bytes()
    library.unlink()
    library.write_bytes(loaded(data))
    assert library.stat().st_size < len(data)
    assert b".debug_info" not in loaded(data)
    assert ctypes.CDLL(str(library)).answer(4095) == 42
    assert loaded(loaded(data)) == loaded(data)


def test_other_files_stay_unchanged() -> None:
    assert with_run_path(b"#!/bin/sh\n", lambda _: "") == b"#!/bin/sh\n"
    assert loaded(b"#!/bin/sh\n") == b"#!/bin/sh\n"
