"""REPRODUCE.md and METHODS.md of a bundle."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from polaris_parsl.env.locks.files import read_requirements
from polaris_parsl.env.release_names import release_name
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.polaris import source as source_of
from polaris_parsl.pins.run_record import pbs_jobs

_TEMPLATES = Path(__file__).with_name("templates")


def texts(
    source: Path,
    base: Mapping[str, Any],
    receipt: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    *,
    has_explanation: bool,
    has_configuration: bool,
    has_scripts: bool,
    has_options: bool,
    has_wheelhouse: bool,
    has_base: bool,
) -> dict[str, str]:
    """The texts, by file name.

    Args:
        source: the source tree in the bundle, with the locks.
        base: the fingerprint of the base.
        receipt: receipt of the install.
        run: content of run.json; None without a run.
        has_explanation: whether the bundle has the run's explanation.
        has_configuration: whether the run's configuration is known.
        has_scripts: whether the run left job scripts.
        has_options: whether the run's polaris-parsl.toml is in the bundle.
        has_wheelhouse: whether the bundle has the artifacts.
        has_base: whether it has those of the locked base.
    """
    lock = next(name for name in receipt["locks"] if name.startswith("overlay"))
    pins = read_requirements(source / lock)
    module = base["module"]["name"] if base["module"] else None
    version = base["interpreter"]["version"]
    values = {
        "version": receipt["version"],
        "parsl": receipt["parsl"],
        "python": version,
        "minor": ".".join(version.split(".")[:2]),
        "module": module,
        "prefix": base["prefix"],
        "base": f"the ALCF module {module}" if module else f"the prefix {base['prefix']}",
        "distributions": len(base["distributions"]),
        "added": len(receipt["overlay"]),
        "taken": len(receipt["from_base"]),
        "from_base": [
            (name, has, pins[name].version if name in pins else "-")
            for name, has in sorted(receipt["from_base"].items())
        ],
        "lock": lock,
        "parallel": receipt["gnu_parallel"]["version"],
        "run": run,
        "is_rehearsal": any(
            mode.startswith("sandbox") for mode in (run or {}).get("modes", {}).values()
        ),
        "jobs": pbs_jobs(run) if run and run["is_recorded"] else 0,
        "node": polaris().node,
        "gpus": len(polaris().node.accelerators),
        "node_source": source_of("node"),
        "explained": has_explanation,
        "configured": has_configuration,
        "has_scripts": has_scripts,
        "options": has_options,
        "release": release_name(receipt["version"], receipt["track"], receipt.get("label", "")),
        "wheelhouse": has_wheelhouse,
        "with_base": has_base,
        "locked": bool(receipt.get("locked_base")),
    }
    return {
        "REPRODUCE.md": _render("REPRODUCE.md.j2", values),
        # one paragraph, whose line breaks do not matter
        "METHODS.md": " ".join(_render("METHODS.md.j2", values).split()) + "\n",
    }


def _render(template: str, values: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    text = environment.get_template(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", text)
