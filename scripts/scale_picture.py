#!/usr/bin/env python3
"""Draw docs/scale.svg: what the start of a block asks of shared places, by its nodes.

    .venv/bin/python scripts/scale_picture.py

The points are those of `polaris-parsl scale`; Vega draws them, as it draws reports, in a Chromium without a window.
tests/lint/test_performance.py compares the committed picture with the prediction.
"""

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.report.page import libraries
from polaris_parsl.scale.prediction import predict

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "scale.svg"
NODES = (1, 3, 10, 32, 100, 496)
# Okabe and Ito's, as in reports
COLOURS = ("#D55E00", "#E69F00", "#0072B2")
PANELS = {"path calls": "calls", "MB read": "megabytes"}
DRAW = """
const view = new vega.View(vega.parse(vegaLite.compile(SPEC).spec), {renderer: "none"});
view.toSVG().then(svg => { document.body.innerText = svg; });
"""


def points() -> list[dict[str, Any]]:
    """What is predicted for each size and recipe."""
    workers = len(polaris().node.accelerators)
    return [
        {
            "nodes": each.nodes,
            "recipe": each.recipe,
            "calls": each.calls,
            "megabytes": each.size / 1e6,
        }
        for nodes in NODES
        for each in predict(nodes, workers=workers)
    ]


def specification() -> dict[str, Any]:
    """The picture, in Vega-Lite."""
    rows = points()
    recipes = list(dict.fromkeys(each["recipe"] for each in rows))
    colour = {"field": "recipe", "title": None, "scale": {"domain": recipes, "range": COLOURS}}
    panels = [
        {
            "width": 300,
            "height": 240,
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {"field": "nodes", "type": "quantitative", "scale": {"type": "log"},
                      "axis": {"values": NODES, "format": "d"}},
                "y": {"field": field, "type": "quantitative", "title": title,
                      "scale": {"type": "log"}, "axis": {"format": "~s"}},
                "color": colour,
            },
        }
        for title, field in PANELS.items()
    ]  # fmt: skip
    config = {"background": "white", "legend": {"orient": "top", "symbolType": "circle"}}
    return {"data": {"values": rows}, "hconcat": panels, "config": config}


def draw() -> str:
    """The picture, as SVG."""
    script = DRAW.replace("SPEC", json.dumps(specification()))
    page = f'<meta charset="utf-8"><script>{libraries()}</script><body><script>{script}</script>'
    with TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder}/profile",
        ]
        wait = ["--virtual-time-budget=20000", "--dump-dom"]
        done = subprocess.run(
            ["chromium", *flags, *wait, file.as_uri()], capture_output=True, text=True, check=True
        )
    found = re.search(r"&lt;svg.*&lt;/svg&gt;", done.stdout, re.DOTALL)
    if not found:
        sys.exit(f"Chromium drew nothing: {done.stderr}")
    return html.unescape(found.group().replace("<br>", "\n")) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
