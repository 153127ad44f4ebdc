"""Run a pool of workers that finds the modules beside the user's script; standard library only.

    python -P pool.py MODULE FOLDER -- ARGUMENTS...

FOLDER goes to the end of the module path, so that nothing in it hides a module of Python, Parsl or the
environment. The workers, which the pool spawns, get the path of the pool.
"""

import runpy
import sys


def main(arguments: list[str]) -> None:
    """Run what the command line says."""
    module, folder, separator, *rest = arguments
    assert separator == "--", "the launch command has it"
    sys.path.append(folder)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
