"""Reports what a Python is and which Parsl it imports; any Python 3 runs it.

The doctor starts it in the root directory, so that it imports no file of the working
directory by accident: a user's parsl.py may be a workflow. It prints one line of JSON.
"""

import json
import sys
import warnings


def describe(name):
    """The file and version of a module, or the error of its import."""
    try:
        module = __import__(name)
        return {"file": module.__file__, "version": version_of(name)}
    except BaseException as error:  # noqa: BLE001 - every error is an answer
        return {"error": "%s: %s" % (type(error).__name__, error)}


def version_of(name):
    """The version in the module's metadata; Parsl 2026.2.23 calls itself 2026.02.23."""
    try:
        from importlib.metadata import version

        return version(name)
    except ImportError:
        return __import__(name + ".version", fromlist=["VERSION"]).VERSION


def identity():
    """The version of this Python, and what it imports."""
    return {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "parsl": describe("parsl"),
        "polaris_parsl": describe("polaris_parsl"),
    }


def release():
    """Whether polaris_parsl works with this Parsl: its refusal and its warnings, or the error."""
    try:
        import polaris_parsl

        refusal = None
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", polaris_parsl.PolarisParslWarning)
            try:
                polaris_parsl.config  # noqa: B018 - it is looked up, with all checks
            except polaris_parsl.PolarisParslError as error:
                refusal = [error.problem, error.remedy]
        ours = [
            each for each in warned if issubclass(each.category, polaris_parsl.PolarisParslWarning)
        ]
        return {"refusal": refusal, "warned": [str(each.message) for each in ours]}
    except BaseException as error:  # noqa: BLE001 - every error is an answer
        return {"error": "%s: %s" % (type(error).__name__, error)}


if __name__ == "__main__":
    print(json.dumps(dict(identity(), release=release())))
