"""The RO-Crate metadata of a bundle, version 1.1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.configuration.record.run_record import WORKFLOW
from polaris_parsl.installs import RECEIPT
from polaris_parsl.options.sources import PROJECT_FILE
from polaris_parsl.pins.bundle import BASE, RUN, SOURCE, SUMS, WHEELHOUSE
from polaris_parsl.pins.run_record import summary

METADATA = "ro-crate-metadata.json"

_SPECIFICATION = "https://w3id.org/ro/crate/1.1"
_LICENSE = "https://spdx.org/licenses/Apache-2.0"
_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".cff": "text/yaml",
    ".bib": "text/x-bibtex",
}
_WORDS = {
    "REPRODUCE.md": "How to build the environment again",
    "METHODS.md": "One paragraph for the methods section of a paper",
    "references.bib": "BibTeX of everything that the methods paragraph cites",
    "CITATION.cff": "How to cite this environment",
    "sbom.cdx.json": "Software bill of materials of both layers, CycloneDX 1.6",
    SUMS: "sha256 of every other file",
    BASE: "Fingerprint of the base, with the version and licence of each distribution",
    RECEIPT: "Receipt of the install: locks, packages and the sha256 of each file",
    f"{RUN}/run.json": "What was run, from the record that polaris_parsl kept",
    f"{RUN}/configuration.txt": "The configuration as Parsl writes it",
    f"{RUN}/{WORKFLOW}": "The script that ran, as it was when the run began",
    f"{RUN}/{PROJECT_FILE}": "Options of the run that stood in a file",
    f"{RUN}/explain.txt": "Every value of the configuration, who set it, and why",
    f"{RUN}/explain.json": "The same, for programs",
}
_FOLDERS = {
    SOURCE: "Source of polaris_parsl with the locks: builds the environment again",
    WHEELHOUSE: "Every artifact of the locks, to build without a network",
    RUN: "What was run",
}


def crate(
    folder: Path, receipt: Mapping[str, Any], run: Mapping[str, Any] | None, *, published: str
) -> dict[str, Any]:
    """Describe a bundle that is complete except for SHA256SUMS and this description.

    Args:
        folder: the bundle.
        receipt: receipt of the install.
        run: content of run.json; None without a run.
        published: a date, YYYY-MM-DD.
    """
    # SHA256SUMS lists the files of source and wheelhouse
    files = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in {SOURCE, WHEELHOUSE}
    ]
    parts = [_file(name) for name in sorted({*files, SUMS})]
    parts += [_folder(name, words) for name, words in _FOLDERS.items() if (folder / name).is_dir()]
    programs = _programs(receipt)
    has_configuration = f"{RUN}/configuration.txt" in files
    actions = (
        [_action(run, programs, has_configuration=has_configuration)]
        if run and run["is_recorded"]
        else []
    )
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Parsl {receipt['parsl']} over CPython {receipt['base']['interpreter']['version']}",
        "description": "The software environment of a computation with Parsl: locks, base, "
        "receipt, bill of materials, what was run, and how to build it again.",
        "datePublished": published,
        "license": {"@id": _LICENSE},
        "hasPart": _references(parts),
        "mentions": _references([*programs, *actions]),
    }
    own = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": _SPECIFICATION},
    }
    license_ = {
        "@id": _LICENSE,
        "@type": "CreativeWork",
        "name": "Apache License 2.0",
        "description": "Holds for polaris_parsl and for what it wrote; packages in a wheelhouse "
        "have licences of their own, which sbom.cdx.json names.",
    }
    return {
        "@context": f"{_SPECIFICATION}/context",
        "@graph": [own, root, *parts, *programs, *actions, license_],
    }


def _file(name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "@id": name.replace("%", "%25").replace(" ", "%20"),
        "@type": "File",
        "name": name,
        "encodingFormat": _TYPES.get(Path(name).suffix, "text/plain"),
    }
    if name in _WORDS:
        entry["description"] = _WORDS[name]
    return entry


def _folder(name: str, words: str) -> dict[str, Any]:
    return {"@id": f"{name}/", "@type": "Dataset", "name": name, "description": words}


def _programs(receipt: Mapping[str, Any]) -> list[dict[str, Any]]:
    versions = {
        "polaris-parsl": receipt["version"],
        "Parsl": receipt["parsl"],
        "CPython": receipt["base"]["interpreter"]["version"],
        "GNU Parallel": receipt["gnu_parallel"]["version"],
    }
    return [
        {
            "@id": f"#{name.lower().replace(' ', '-')}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
        }
        for name, version in versions.items()
        if version
    ]


def _action(
    run: Mapping[str, Any], programs: list[dict[str, Any]], *, has_configuration: bool
) -> dict[str, Any]:
    used = {"object": {"@id": f"{RUN}/configuration.txt"}} if has_configuration else {}
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"{run['workflow']}, run {run['run_id']} of Parsl",
        "description": summary(run),
        "startTime": run["first_record"],
        "endTime": run["last_record"],
        "instrument": _references(programs),
        **used,
        "result": {"@id": f"{RUN}/run.json"},
    }


def _references(entries: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"@id": entry["@id"]} for entry in entries]
