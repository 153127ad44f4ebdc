"""The directories for libraries are read from a compiled file, and changed in it."""

from pathlib import Path

import zmq.backend.cython as compiled

from polaris_parsl.configuration.node.elf import with_run_path

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


def test_other_files_stay_unchanged() -> None:
    assert with_run_path(b"#!/bin/sh\n", lambda _: "") == b"#!/bin/sh\n"
