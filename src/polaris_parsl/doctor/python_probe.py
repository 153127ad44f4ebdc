"""Asks a Python what it is and which Parsl it imports; any Python 3 runs it.

It is started in the root directory, so that no file of the working directory is run by
accident: a user's parsl.py may be a workflow. It prints one line of JSON.
"""

import json
import sys


def describe(name):
    """File and version of a module, or why it is not imported."""
    try:
        module = __import__(name)
        return {"file": module.__file__, "version": version_of(name)}
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        return {"error": "%s: %s" % (type(error).__name__, error)}


def version_of(name):
    """As its metadata has it; Parsl 2026.2.23 calls itself 2026.02.23."""
    try:
        from importlib.metadata import version

        return version(name)
    except ImportError:
        return __import__(name + ".version", fromlist=["VERSION"]).VERSION


def identity():
    """What this Python is."""
    return {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "parsl": describe("parsl"),
        "polaris_parsl": describe("polaris_parsl"),
    }


if __name__ == "__main__":
    print(json.dumps(identity()))
