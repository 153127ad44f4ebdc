"""Starts a process that a pool spawns: a worker, what workers are forked from, or one that serves them.

    python -P start.py IMAGE - -- polaris_parsl.configuration.parsl_internals.child GPUS CODE [WORD]

CODE and WORD are what multiprocessing gives to `python -c`. GPUS is the number that nvidia-smi lists, or
"-": it is asked once on a node, and not twice by each worker.
"""

import inspect
import sys
from multiprocessing import spawn
from subprocess import PIPE, CompletedProcess
from types import SimpleNamespace
from typing import Any

from polaris_parsl.configuration.parsl_internals.lean import image_finder, lean_imports


def main(arguments: list[str]) -> None:
    """Run what the command line says."""
    gpus, code, *rest = arguments
    import_main: Any = spawn._fixup_main_from_name  # type: ignore[attr-defined]

    def import_main_leanly(name: str) -> None:
        with lean_imports():
            from polaris_parsl.configuration.parsl_internals import (  # noqa: PLC0415 (Parsl's imports)
                logs,
                plain_data,
            )

            logs.make_what_is_logged()
            plain_data.write_plain_data_quickly()
            # it is run as the main module, from what is imported already
            sys.modules.pop(name, None)
            import_main(name)
        if gpus != "-":
            _answer(inspect.unwrap(sys.modules["__mp_main__"].worker).__globals__, gpus)
        finder = image_finder()
        if finder is not None:
            finder.is_starting = False  # from now on users' code imports

    spawn._fixup_main_from_name = import_main_leanly  # type: ignore[attr-defined]
    sys.argv = ["-c", *rest]
    exec(code, {"__name__": "__main__"})  # noqa: S102 (Python does the same with `-c`)


def _answer(names: dict[str, Any], gpus: str) -> None:
    """Let a worker of Parsl, by the names that it knows, have the known answer of nvidia-smi."""

    def run(command: str, **_options: object) -> CompletedProcess[bytes]:
        return CompletedProcess(command, 0, stdout=f"{gpus}\n".encode(), stderr=b"")

    names["subprocess"] = SimpleNamespace(run=run, PIPE=PIPE)


if __name__ == "__main__":
    main(sys.argv[1:])
