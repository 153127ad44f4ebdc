"""The page: one HTML file with all that it needs, which opens from disk and asks no network."""

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2

from polaris_parsl.errors import MissingToolError
from polaris_parsl.report import words
from polaris_parsl.report.as_text import comparison
from polaris_parsl.report.charts import Spec, charts_of, node_hours
from polaris_parsl.report.environment import rows_of
from polaris_parsl.report.words import counted, duration
from polaris_parsl.text import printable
from polaris_parsl.version import VERSION

_TEMPLATES = Path(__file__).with_name("templates")
# a package that holds the files of Vega and Vega-Lite, and nothing of Python
_VEGA = "js_lib_vega_embed"
_SCRIPTS = ("vega5.js", "vega-lite5.js")


def page(runs: Sequence[Mapping[str, Any]]) -> str:
    """The page of one run, or of several side by side.

    Args:
        runs: figures of each.

    Raises:
        MissingToolError: what draws the figures is not installed.
    """
    charts: dict[str, Spec] = {}
    sections = []
    shown = [_shown(figures) for figures in runs]
    for number, figures in enumerate(shown):
        own = {f"{name}-{number}": spec for name, spec in charts_of(figures).items()}
        charts |= own
        nodes = sorted({each["node"] for each in figures["timeline"]["lanes"]})
        sections.append(
            {
                "number": number,
                "figures": figures,
                "environment": list(rows_of(figures["environment"])),
                "nodes": nodes,
            }
        )
    compared = comparison(shown) if len(shown) > 1 else []
    if compared and (spec := node_hours(shown)):
        charts["node-hours-of-all"] = spec
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"duration": duration, "counted": counted, "hours": words.node_hours}
    return environment.get_template("report.html.j2").render(
        sections=sections,
        compared=compared,
        charts=charts,
        version=VERSION,
        data=_json(charts),
        libraries=libraries(),
        script=(_TEMPLATES / "report.js").read_text(encoding="utf-8"),
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )


def _shown(value: Any) -> Any:
    """Figures whose texts hide nothing: control characters and changes of direction are spelt out."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {_shown(key): _shown(each) for key, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list) else value


def _json(value: Any) -> str:
    """JSON that ends no element of HTML, whatever names are in it."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def libraries() -> str:
    """Vega and Vega-Lite, as the text of a script.

    Raises:
        MissingToolError: they are not installed.
    """
    found = find_spec(_VEGA)
    if found is None or found.origin is None:
        raise MissingToolError(
            "the package django-js-lib-vega-embed, which draws the figures, is not in this environment",
            remedy="use the command of an install, or `report --text`",
        )
    folder = Path(found.origin).parent / "static" / _VEGA
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS)
