"""Unpacks the wheels of locks into the tools environment, where pip would take many times as long.

Nobody starts a program of these wheels by its name but uv, so no scripts are made for the others.

Standard library only. The syntax stays that of Python 3.6.
"""

import hashlib
import io
import re
import zipfile

_REQUIREMENT = re.compile(r"(?m)^([\w.-]+)(?:\[.*?\])?==(.*)$")
_OF_SOME_PYTHONS = re.compile(r"\bpython_(full_)?version\b")


class UnlockedError(Exception):
    """Wheels are not what a lock names."""


def unpack_all(place, lock, folder, site):
    """Unpack the wheels of a lock, which lie in a place, into an environment; site is its site-packages.

    Raises:
        UnlockedError: one has another sha256, or one that every Python needs is missing.
    """
    wheels = sorted(place.glob("*.whl"))
    text = lock.read_text(encoding="utf-8")
    names = {_normal(path.name.split("-")[0]) for path in wheels}
    for name, marker in _REQUIREMENT.findall(text):
        if _normal(name) not in names and not _OF_SOME_PYTHONS.search(marker):
            raise UnlockedError(f"there is none of {name}")
    for path in wheels:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() not in text:
            raise UnlockedError(f"{path.name} has another sha256")
        _unpack(content, folder, site)


def _unpack(content, folder, site):
    places = {"purelib": site, "platlib": site, "scripts": folder / "bin"}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            top, _, rest = member.filename.partition("/")
            target = site / member.filename
            if top.endswith(".data"):
                scheme, _, rest = rest.partition("/")
                target = places.get(scheme, folder) / rest
            if member.filename.endswith("/"):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))
            if member.external_attr >> 16 & 0o111 or target.parent == places["scripts"]:
                target.chmod(0o755)


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()
