"""Prints every distribution that a Python would import, with its metadata, as JSON.

It runs by its path under the Python in question, which may be any Python 3:
it uses the standard library only and imports nothing of this package.
"""

import json
import sys
from importlib.metadata import distributions


def entry(found, place):
    """One distribution."""
    data = found.metadata
    return {
        "name": data.get("Name") or "",
        "version": data.get("Version") or "",
        "folder": place,
        "summary": data.get("Summary") or "",
        "license_expression": data.get("License-Expression") or "",
        "license": data.get("License") or "",
        "classifiers": data.get_all("Classifier") or [],
        "requires": data.get_all("Requires-Dist") or [],
    }


def main():
    """Print them in the order of sys.path."""
    entries = []
    for place in sys.path:
        entries += [entry(found, place) for found in distributions(path=[place])]
    sys.stdout.write(json.dumps([each for each in entries if each["name"]]) + "\n")


if __name__ == "__main__":
    main()
