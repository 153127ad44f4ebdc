"""The software bill of materials, in CycloneDX 1.6: each imported distribution and conda package once."""

import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from polaris_parsl.pins.inventory import ImportedDistribution

_OWN = "polaris-parsl"


def sbom(
    receipt: Mapping[str, Any],
    distributions: Mapping[str, ImportedDistribution],
    base: Mapping[str, Any],
    *,
    overlay: Path,
) -> dict[str, Any]:
    """The bill of base and overlay. It has no time in it: the same ones give the same bill.

    Args:
        receipt: receipt of the install.
        distributions: the distributions that the overlay's Python imports.
        base: the fingerprint of the base.
        overlay: the overlay; its distributions hide those of the base with the same name.
    """
    wheels = {each["name"]: each["sha256"] for each in receipt["overlay"]}
    wheels[_OWN] = receipt["wheel"]["sha256"]
    libraries = []
    for each in distributions.values():
        layer = "overlay" if Path(each.folder).is_relative_to(overlay) else "base"
        known = base["distributions"].get(each.key, {}) if layer == "base" else {}
        libraries.append(_library(each, layer, wheels.get(each.key), known))
    locked = {each["name"]: each for each in (receipt.get("locked_base") or {}).get("packages", ())}
    python = _interpreter(base, locked.pop("python", None))
    programs = [python, *_gnu_parallel(receipt["gnu_parallel"])]
    listed = {each["name"] for each in (*libraries, *programs)}
    below = [_conda(each, "library") for name, each in locked.items() if name not in listed]
    subject = {
        "type": "application",
        "bom-ref": "install",
        "name": f"{_OWN} install",
        "version": receipt["version"],
    }
    direct = sorted([_reference(distributions[_OWN]), *(each["bom-ref"] for each in programs)])
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": [*libraries, *programs, *below],
        "dependencies": [
            {"ref": "install", "dependsOn": direct},
            {"ref": python["bom-ref"], "dependsOn": sorted(each["bom-ref"] for each in below)},
            *_dependencies(distributions, base),
        ],
    }
    text = json.dumps(content, sort_keys=True)
    return {**content, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"}


def _library(
    each: ImportedDistribution, layer: str, wheel: str | None, known: Mapping[str, Any]
) -> dict[str, Any]:
    properties = {"layer": layer}
    if known.get("sha256"):
        properties["record-sha256"] = known["sha256"]
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": _reference(each),
        "name": each.name,
        "version": each.version,
        "purl": _reference(each),
        "properties": [
            {"name": f"{_OWN}:{name}", "value": value} for name, value in properties.items()
        ],
    }
    if each.summary:
        entry["description"] = each.summary
    if wheel:
        entry["hashes"] = [{"alg": "SHA-256", "content": wheel}]
    if each.license:
        kind = {"expression": each.license}
        entry["licenses"] = [kind if each.is_spdx else {"license": {"name": each.license}}]
    return entry


def _reference(each: ImportedDistribution) -> str:
    return f"pkg:pypi/{each.key}@{_quoted(each.version)}"


def _quoted(version: str) -> str:
    # characters of versions that a package URL reserves
    return version.replace("+", "%2B").replace("!", "%21")


def _interpreter(base: Mapping[str, Any], locked: Mapping[str, Any] | None) -> dict[str, Any]:
    """The Python of the base; of the locked base with its archive."""
    version = base["interpreter"]["version"]
    archive = _conda(locked, "platform") if locked else {}
    return {
        **archive,
        "type": "platform",
        "bom-ref": "interpreter",
        "name": "CPython",
        "version": version,
        "description": " ".join(base["interpreter"]["build"].split()),
        "purl": archive.get("purl", f"pkg:generic/cpython@{version}"),
    }


def _gnu_parallel(parallel: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for each in parallel["packages"]:
        yield _conda(each, "application")
    if not parallel["packages"] and parallel["version"]:
        yield {
            "type": "application",
            "bom-ref": "system:parallel",
            "name": "parallel",
            "version": parallel["version"],
            "description": f"GNU Parallel of the system, {parallel['path']}",
            "purl": f"pkg:generic/parallel@{parallel['version']}",
        }


def _conda(package: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A package of conda-lock.yml, with the archive that it came from."""
    return {
        "type": kind,
        "bom-ref": f"conda:{package['name']}",
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:conda/{package['name']}@{_quoted(package['version'])}",
        "hashes": [{"alg": "SHA-256", "content": package["sha256"]}],
        "externalReferences": [{"type": "distribution", "url": package["url"]}],
    }


def _dependencies(
    distributions: Mapping[str, ImportedDistribution], base: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    markers = {
        "implementation_name": base["interpreter"]["implementation"],
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": base["interpreter"]["version"],
        "python_version": ".".join(base["interpreter"]["version"].split(".")[:2]),
        "sys_platform": "linux",
        "extra": "",
    }
    for each in distributions.values():
        names = {name for text in each.requires if (name := _required(text, markers))}
        found = sorted(_reference(distributions[name]) for name in names & distributions.keys())
        yield {"ref": _reference(each), "dependsOn": found}


def _required(text: str, markers: Mapping[str, str]) -> str | None:
    try:
        needed = Requirement(text)
    except InvalidRequirement:
        # some old distributions have invalid ones
        return None
    if needed.marker and not needed.marker.evaluate(dict(markers)):
        return None
    return str(canonicalize_name(needed.name))
