"""What a Python says of itself and of the distributions that it sees, as JSON.

Started by its path in the base's own Python, which may be any Python 3: it uses
the standard library only, imports nothing of this package and avoids newer syntax.

    python -I probe.py [--quick | --requires] NAME...

NAMEs are distributions to look at closely: these, and what they require, have
their files read. `--quick` reads the RECORDs of the named ones only; `--requires`
reads the METADATA of all others, too.
"""

import csv
import hashlib
import json
import os
import platform
import re
import sys
import sysconfig


def content(path):
    """Bytes of a file; None if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def digest(path):
    """sha256 of a file, in hexadecimal; None if it cannot be read."""
    data = content(path)
    return None if data is None else hashlib.sha256(data).hexdigest()


def entries(folder):
    """Names in a directory, sorted; none if it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def normalised(name):
    """A distribution's name as the packaging standards compare it."""
    return re.sub("[-_.]+", "-", name).lower()


def importable(lines):
    """Names of the modules and packages at the top of a listing of files."""
    tops = [re.match("[^/ ]*", line).group() for line in lines]
    stems = sorted(set(top.partition(".")[0] for top in tops))
    return [stem for stem in stems if stem.isidentifier()]


def starts_import(name):
    """Whether a module or package cannot be imported at all without this file."""
    return re.match(r"[^/]+\.(py|so)$|[^/]+/__init__\.py$", name) is not None


class BaseDistribution:
    """One `.dist-info` or `.egg-info`; nearly all tell name and version without a look inside."""

    def __init__(self, folder, entry):
        pieces = entry.rpartition(".")[0].split("-")
        self.folder = folder
        self.entry = entry
        self.name = normalised(pieces[0])
        place = os.path.join(folder, entry)
        self.record = os.path.join(place, "RECORD")
        if entry.endswith(".dist-info"):
            self.metadata = os.path.join(place, "METADATA")
        else:
            self.metadata = os.path.join(place, "PKG-INFO") if os.path.isdir(place) else place
        self.version = pieces[1] if len(pieces) > 1 else next(iter(self.head("Version")), "")

    def summary(self):
        """Digest of its RECORD, or of its metadata where it has no RECORD, as in Debian.

        None if it has no metadata: then it is not installed, as far as pip knows.
        """
        if not os.path.isfile(self.metadata):
            return None
        return digest(self.record) or digest(self.metadata)

    def details(self):
        """What it requires, the digest of all its modules, and those that are missing."""
        files, missing = [], []
        for name in self.listed():
            read = digest(os.path.join(self.folder, name))
            if read is None:
                missing.append(name)
            else:
                files.append(name + " " + read + "\n")
        text = "".join(sorted(files)).encode("utf-8", "surrogateescape")
        return {
            "requires": self.requires(),
            "files": len(files),
            "modules": importable(files),
            "files_sha256": hashlib.sha256(text).hexdigest(),
            "missing": [name for name in missing if starts_import(name)],
        }

    def listed(self):
        """Its files below the same directory, without byte code and metadata."""
        text = (content(self.record) or b"").decode("utf-8", "surrogateescape")
        names = [row[0] for row in csv.reader(text.splitlines()) if row]
        own = self.entry + "/"
        return [
            name
            for name in names
            if not name.startswith(("../", "/", own)) and not name.endswith(".pyc")
        ]

    def requires(self):
        """The requirements of its metadata, as they stand there."""
        return self.head("Requires-Dist")

    def head(self, key):
        """The values of a key of its metadata."""
        text = (content(self.metadata) or b"").decode("utf-8", "replace")
        head = text.replace("\r\n", "\n").split("\n\n")[0]
        return re.findall("(?m)^" + key + ": *(.+?) *$", head)


def distributions():
    """All that is installed, by name; each as a list, the one that is imported first."""
    found = {}
    for folder in sys.path:
        for entry in entries(folder):
            if entry.endswith((".dist-info", ".egg-info")) and not entry.startswith(("~", ".")):
                each = BaseDistribution(folder, entry)
                found.setdefault(each.name, []).append(each)
    return found


def required(names, found):
    """These names and all that they may require, also with the extras that one of them asks for."""
    seen, waiting = set(), [(name, False) for name in names]
    while waiting:
        name, with_extras = waiting.pop()
        if (name, with_extras) in seen or name not in found:
            continue
        seen.add((name, with_extras))
        for text in found[name][0].requires():
            needed, extras = re.match(r"([A-Za-z0-9._-]*)\s*(\[?)", text).groups()
            if with_extras or not is_for_extra(text.partition(";")[2]):
                waiting.append((normalised(needed), bool(extras)))
    return set(name for name, _ in seen)


def is_for_extra(marker):
    """Whether a marker is true with an extra only, whatever the machine."""
    return bool(re.search(r"\bextra *==", marker)) and not re.search(r"\bor\b", marker)


def described(names, quick, requires):
    """Version and digest of each distribution; more of those that are named; of all what they require, if asked."""
    found = distributions()
    close = set(names) if quick else required(names, found)
    entries = {}
    for name, all_of_it in found.items():
        first = all_of_it[0]
        # two in one directory: which of them is imported is a matter of chance
        beside = []
        for each in all_of_it:
            if each.folder == first.folder and each.version not in beside:
                beside.append(each.version)
        entries[name] = {"version": ", ".join(beside)}
        if name in close or not quick:
            entries[name]["sha256"] = first.summary()
        if name in close and not quick:
            entries[name].update(first.details(), copies=len(beside))
        elif requires:
            entries[name]["requires"] = first.requires()
    return entries


def start_files():
    """Digest of each file that runs, or changes sys.path, whenever this Python starts."""
    found = {}
    for folder in sys.path:
        for entry in entries(folder):
            path = os.path.join(folder, entry)
            if entry in ("sitecustomize", "usercustomize"):
                path = os.path.join(path, "__init__.py")
            runs = entry.endswith(".pth") or entry in ("sitecustomize.py", "usercustomize.py")
            if (runs or path.endswith("__init__.py")) and os.path.isfile(path):
                found[path] = digest(path)
    return found


def conda():
    """The conda packages of this prefix in short; None if it is not a conda prefix."""
    folder = os.path.join(sys.prefix, "conda-meta")
    if not os.path.isdir(folder):
        return None
    names = [entry[: -len(".json")] for entry in entries(folder) if entry.endswith(".json")]
    pythons = [name for name in names if re.match("python-[0-9]", name)]
    return {
        "packages": len(names),
        "sha256": hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest(),
        "python": pythons[0] if pythons else None,
    }


def markers():
    """The variables of environment markers."""
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def main(arguments):
    """Print the answer."""
    quick = "--quick" in arguments
    requires = "--requires" in arguments
    names = [name for name in arguments if not name.startswith("--")]
    answer = {
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base_prefix": getattr(sys, "base_prefix", sys.prefix),
        "interpreter": {
            "implementation": sys.implementation.name,
            "version": platform.python_version(),
            "build": sys.version,
            "soabi": sysconfig.get_config_var("SOABI"),
            "cache_tag": sys.implementation.cache_tag,
            "platform": sysconfig.get_platform(),
            "libc": " ".join(platform.libc_ver()),
        },
        "markers": markers(),
        "start_files": start_files(),
        "conda": conda(),
        "distributions": described(names, quick, requires),
    }
    sys.stdout.write(json.dumps(answer, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
