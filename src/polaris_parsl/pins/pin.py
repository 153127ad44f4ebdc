"""Makes a bundle in a staging directory and renames it. The same inputs give the same bytes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging.version import Version

from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.env.installer.wheelhouse import ARCHIVES
from polaris_parsl.env.locks.files import CONDA_LOCK, read_conda
from polaris_parsl.env.prefix.verify import verify_base, verify_install
from polaris_parsl.env.receipt import read_receipt
from polaris_parsl.env.release_names import CURRENT
from polaris_parsl.errors import BundleError
from polaris_parsl.files import digest
from polaris_parsl.installs import RECEIPT, overlay_of, overlay_python, receipt_of
from polaris_parsl.options.sources import PROJECT_FILE
from polaris_parsl.pins.bundle import BASE, LOCKED_BASE, RUN, SOURCE, WHEELHOUSE, write_sums
from polaris_parsl.pins.citation import bibtex, citation, write_citation
from polaris_parsl.pins.crate import METADATA, crate
from polaris_parsl.pins.inventory import ImportedDistribution, imported
from polaris_parsl.pins.own_source import bootstrap
from polaris_parsl.pins.packed import new_bundle
from polaris_parsl.pins.run_record import Run, read_run, write_run
from polaris_parsl.pins.sbom import sbom
from polaris_parsl.pins.signature import sign
from polaris_parsl.pins.source import copy_source
from polaris_parsl.pins.texts import texts
from polaris_parsl.process import Step


@dataclass(frozen=True)
class Pinned:
    """A finished bundle.

    Attributes:
        identity: the sha256 of its SHA256SUMS.
        distributions: number of imported distributions.
        run: facts of the run; None without a run.
        notes: what its author should know.
        base_bytes: size of the conda archives, if it has those of the locked base; else 0.
    """

    identity: str
    distributions: int
    run: Mapping[str, Any] | None
    notes: tuple[str, ...]
    base_bytes: int = 0


def make_pin(
    target: Path,
    *,
    root: Path,
    run_dir: Path | None,
    inputs: Sequence[Path] = (),
    with_wheelhouse: bool,
    key: Path | None,
    with_base: bool = False,
    env: Mapping[str, str],
    step: Step,
) -> Pinned:
    """Pin an install, and a run that used it.

    Args:
        target: the directory to make, or one file if the name ends in .tar.zst.
        root: the install, PREFIX/versions/VERSION.
        run_dir: run directory of Parsl, as runinfo/000; None pins no run.
        inputs: files that the run read; their sha256 are recorded.
        with_wheelhouse: include every artifact of the locks.
        key: the SSH key to sign with; None signs nothing.
        with_base: include the conda archives of the locked base in it.
        env: environment variables.
        step: called with the name of each step.

    Raises:
        BundleError: the install or its base is broken, or the run used another one.
        PrefixError: the target exists, or it cannot be made.
        MissingToolError: there is no ssh-keygen to sign with.
    """
    with new_bundle(target) as folder:
        with step("compare the install with its receipt"):
            notes = _notes(root, env)
            receipt = json.loads(receipt_of(root).read_bytes())
        run = _matching_run(run_dir, receipt) if run_dir else None
        if run:
            run = replace(run, facts={**run.facts, "inputs": [_input(each) for each in inputs]})
        elif inputs:
            raise BundleError("inputs belong to a run", remedy="name it, too: --run runinfo/000")
        (folder / RECEIPT).write_bytes(receipt_of(root).read_bytes())
        if receipt.get("locked_base"):
            base_receipt = receipt_of(Path(receipt["base"]["prefix"]))
            (folder / LOCKED_BASE).write_bytes(base_receipt.read_bytes())
        copy_source(root, receipt["files"], folder / SOURCE)
        with step("ask base and overlay what they import"):
            layers = imported(overlay_python(root), env)
            base = _with_licences(receipt["base"], env)
        _write_json(folder / BASE, {**base, "changed_since_install": notes})
        bill = sbom(receipt, layers, base, overlay=overlay_of(root).resolve())
        _write_json(folder / "sbom.cdx.json", bill)
        if run:
            write_run(run, folder / RUN)
        if with_wheelhouse:
            with step("collect the wheelhouse"):
                _collect(folder, receipt, with_base=with_base, env=env)
        _write_texts(folder, receipt, base, run)
        identity = write_sums(folder)
        if key:
            sign(folder, key, env)
        archives = folder / WHEELHOUSE / ARCHIVES
        size = sum(path.stat().st_size for path in archives.glob("*")) if with_base else 0
        facts = run.facts if run else None
        return Pinned(identity, len(layers), facts, tuple(notes), size)


def _notes(root: Path, env: Mapping[str, str]) -> list[str]:
    """The changes of the base since the install was made; none of them breaks the install."""
    report = verify_install(root, every_file=True, env=env)
    if report.verdict is Verdict.BROKEN:
        worst = next(each.text for each in report.findings if each.verdict is Verdict.BROKEN)
        raise BundleError(
            f"{root} cannot be pinned, it is broken: {worst}",
            remedy=report.remedy,
        )
    # only the findings about the base; the others concern the user's shell
    return [each.text for each in verify_base(read_receipt(root), quick=False, env=env)]


def _matching_run(folder: Path, receipt: Mapping[str, Any]) -> Run:
    """Read a run, and refuse a run of another environment."""
    run = read_run(folder)
    if not run.facts["is_recorded"]:
        return run
    used = (run.facts["python"], str(Version(run.facts["parsl"])))
    has = (receipt["base"]["interpreter"]["version"], str(Version(receipt["parsl"])))
    if used != has:
        raise BundleError(
            f"{folder} was run by CPython {used[0]} with Parsl {used[1]}; the install has "
            f"CPython {has[0]} with Parsl {has[1]}",
            remedy="name the install that ran it: --root PREFIX/versions/VERSION",
        )
    return run


def _input(path: Path) -> dict[str, Any]:
    return {"name": str(path), "bytes": path.stat().st_size, "sha256": digest(path)}


def _with_licences(base: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    found: Mapping[str, ImportedDistribution] = imported(Path(base["executable"]), env)
    return {
        **base,
        "distributions": {
            name: {**entry, "license": found[name].license if name in found else ""}
            for name, entry in base["distributions"].items()
        },
    }


def _collect(
    folder: Path, receipt: Mapping[str, Any], *, with_base: bool, env: Mapping[str, str]
) -> None:
    versions = [receipt["base"]["interpreter"]["version"]]
    arguments = ["wheelhouse", str(folder / WHEELHOUSE)]
    if with_base:
        packages = read_conda(folder / SOURCE / CONDA_LOCK)
        versions += [each.version for each in packages if each.name == "python"]
        arguments.append("--with-base")
    for minor in sorted({".".join(each.split(".")[:2]) for each in versions}):
        arguments += ["--python", minor]
    if receipt.get("track", CURRENT) != CURRENT:
        arguments += ["--track", receipt["track"]]
    bootstrap(folder / SOURCE, arguments, python=Path(receipt["base"]["executable"]), env=env)


def _write_texts(
    folder: Path, receipt: Mapping[str, Any], base: Mapping[str, Any], run: Run | None
) -> None:
    facts = run.facts if run else None
    cited = citation(folder / SOURCE / "CITATION.cff", receipt)
    write_citation(cited, folder / "CITATION.cff")
    (folder / "references.bib").write_text(bibtex(cited), encoding="utf-8")
    written = texts(
        folder / SOURCE,
        base,
        receipt,
        facts,
        has_explanation=bool(run and run.explanation),
        has_configuration=bool(run and run.configuration),
        has_scripts=bool(run and run.scripts),
        has_options=bool(run and PROJECT_FILE in run.workflow),
        has_wheelhouse=(folder / WHEELHOUSE).is_dir(),
        has_base=any((folder / WHEELHOUSE / ARCHIVES).glob("python-3*")),
    )
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
    is_recorded = facts and facts["is_recorded"]
    published = facts["last_record"][:10] if facts and is_recorded else cited["date-released"]
    _write_json(folder / METADATA, crate(folder, receipt, facts, published=published))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
