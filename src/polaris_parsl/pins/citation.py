"""CITATION.cff and references.bib of a bundle, from the CITATION.cff of polaris_parsl."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from polaris_parsl.errors import BundleError

_MESSAGE = "If you use this environment, please cite it, and Parsl and GNU Parallel with it."
_BIBTEX = {"conference-paper": "inproceedings", "book": "book", "article": "article"}
_SPECIAL = re.compile(r"[&%$#_{}~^\\]")
_WORDS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def citation(path: Path, receipt: Mapping[str, Any]) -> dict[str, Any]:
    """The citation of a pinned environment: that of polaris_parsl, with the versions that ran.

    Args:
        path: the CITATION.cff of polaris_parsl.
        receipt: receipt of the install.

    Raises:
        BundleError: the file is not a CITATION.cff.
    """
    try:
        own = yaml.safe_load(path.read_text(encoding="utf-8"))
        references = own["references"]
    except (OSError, yaml.YAMLError, LookupError, TypeError) as error:
        raise BundleError(
            f"{path} is not a CITATION.cff with references: {error}", remedy="install again"
        ) from error
    return {
        **own,
        "message": _MESSAGE,
        "version": receipt["version"],
        # YAML reads a date, CITATION.cff needs text
        "date-released": str(own["date-released"]),
        "references": [*references, *_software(receipt)],
    }


def write_citation(cited: Mapping[str, Any], path: Path) -> None:
    """Write a CITATION.cff."""
    text = yaml.safe_dump(dict(cited), sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")


def bibtex(cited: Mapping[str, Any]) -> str:
    """A CITATION.cff and its references as BibTeX, one entry each."""
    entries = [_entry({**cited, "type": "software"}), *map(_entry, cited["references"])]
    return "\n".join(entries)


def _software(receipt: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    sums = {each["name"]: each["sha256"] for each in receipt["overlay"]}
    identifiers = [
        {
            "type": "other",
            "value": f"pkg:pypi/parsl@{receipt['parsl']}",
            "description": "package URL",
        }
    ]
    if "parsl" in sums:
        identifiers.append(
            {"type": "other", "value": sums["parsl"], "description": "sha256 of the wheel"}
        )
    yield {
        "type": "software",
        "title": "Parsl",
        "authors": [{"name": "The Parsl developers"}],
        "version": receipt["parsl"],
        **_year(receipt["parsl"]),
        "license": "Apache-2.0",
        "identifiers": identifiers,
    }
    if receipt["gnu_parallel"]["version"]:
        yield {
            "type": "software",
            "title": "GNU Parallel",
            "authors": [{"family-names": "Tange", "given-names": "Ole"}],
            "version": receipt["gnu_parallel"]["version"],
            **_year(receipt["gnu_parallel"]["version"]),
            "license": "GPL-3.0-or-later",
        }


def _year(version: str) -> dict[str, int]:
    """The year of a release: Parsl and GNU Parallel begin their versions with it."""
    return {"year": int(version[:4])} if re.match(r"20\d\d", version) else {}


def _entry(cited: Mapping[str, Any]) -> str:
    kind = _BIBTEX.get(cited["type"], "misc")
    fields = {
        "author": " and ".join(_author(each) for each in cited["authors"]),
        "title": f"{{{_tex(cited['title'])}}}",
        "booktitle": _tex(cited.get("collection-title", "")),
        # BibTeX requires one for a book, and CITATION.cff has none
        "publisher": "Zenodo" if kind == "book" and "zenodo" in cited.get("doi", "") else "",
        "year": str(cited.get("year") or cited.get("date-released", ""))[:4],
        "doi": cited.get("doi", ""),
        "note": f"Version {_tex(cited['version'])}" if "version" in cited else "",
    }
    lines = [f"  {name} = {{{value}}},\n" for name, value in fields.items() if value]
    return f"@{kind}{{{_key(cited)},\n{''.join(lines)}}}\n"


def _key(cited: Mapping[str, Any]) -> str:
    if cited["type"] == "software":
        return re.sub(r"[^A-Za-z0-9.-]+", "-", f"{cited['title']}-{cited['version']}").lower()
    return f"{cited['authors'][0]['family-names']}{cited['year']}"


def _author(each: Mapping[str, str]) -> str:
    if "family-names" in each:
        return _tex(f"{each['family-names']}, {each.get('given-names', '')}".rstrip(", "))
    return f"{{{_tex(each['name'])}}}"


def _tex(text: str) -> str:
    return _SPECIAL.sub(lambda match: _WORDS.get(match[0], "\\" + match[0]), text)
