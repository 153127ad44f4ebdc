"""The figures of the page, as specifications of Vega-Lite; its colours are those of Okabe and Ito.

Those with a parameter `node` show one node when it is set. Text takes the colour of the page, so that a
figure is legible on light, dark and paper.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_BLUE, _ORANGE, _GREEN, _RED, _GREY, _SKY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999", "#56B4E9",
)  # fmt: skip
_RESULTS = {"computed": _BLUE, "failed": _RED, "lost": _ORANGE}
_UNITS = ((7200.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
_CAUSES, _BLOCKS = 12, 60
# As many numbers as can be read.
_FEW = {"tickCount": 10, "labelOverlap": True, "labelFlush": True}
_IS_CHOSEN = "node === '' || datum.node === node"
_CONFIG: Spec = {
    "background": None,
    "axis": {
        "labelColor": "currentColor", "titleColor": "currentColor", "domainColor": "currentColor",
        "tickColor": "currentColor", "gridColor": "#8885", "labelLimit": 220,
    },
    "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "orient": "top"},
    "header": {"labelColor": "currentColor", "titleColor": "currentColor", "labelLimit": 400},
    "title": {"color": "currentColor"},
    "view": {"stroke": None},
    "font": "system-ui, sans-serif",
}  # fmt: skip


def charts_of(figures: Mapping[str, Any]) -> dict[str, Spec]:
    """The figures that a run has data for, by name."""
    made = {
        "timeline": _timeline(figures),
        "utilisation": _utilisation(figures),
        "blocks": _blocks(figures),
        "durations": _durations(figures),
        "failures": _failures(figures),
        "node-hours": node_hours([figures]),
    }
    return {name: spec for name, spec in made.items() if spec is not None}


def node_hours(runs: Sequence[Mapping[str, Any]]) -> Spec | None:
    """What became of the node-hours of each run."""
    rows = [
        {"run": name, "what": what, "hours": each["node_hours"][what], "order": order}
        for name, each in zip(_short([str(each["run_dir"]) for each in runs]), runs, strict=True)
        for order, what in enumerate(("used", "wasted", "idle"))
    ]
    if not any(each["hours"] for each in rows):
        return None
    colours = {"domain": ["used", "wasted", "idle"], "range": [_GREEN, _RED, _GREY]}
    return _spec(
        "Node-hours that tasks used, that failed attempts used, and that were idle.",
        rows,
        mark={"type": "bar"},
        height={"step": 34},
        encoding={
            "y": {"field": "run", "type": "nominal", "title": None},
            "x": {"field": "hours", "type": "quantitative", "title": "node-hours", "axis": _FEW},
            "color": {"field": "what", "type": "nominal", "scale": colours, "title": None},
            "order": {"field": "order"},
            "tooltip": _tips(run="run", what="use", hours="node-hours"),
        },
    )


def _timeline(figures: Mapping[str, Any]) -> Spec | None:
    timeline = figures["timeline"]
    rows = timeline["rows"]
    if not rows:
        return None
    divisor, unit = _unit(_span(figures))
    scaled = [
        {**each, "start": each["start"] / divisor, "end": each["end"] / divisor} for each in rows
    ]
    lanes = [f"{each['node']} · {each['lane']}" for each in timeline["lanes"]]
    if timeline["kind"] == "bars":
        scale = {"domain": list(_RESULTS), "range": list(_RESULTS.values())}
        colour: Spec = {"field": "result", "type": "nominal", "scale": scale, "title": None}
        tips = _tips(
            node="node",
            task="task",
            app="app",
            result="result",
            start=f"start, {unit}",
            end=f"end, {unit}",
        )
    else:
        colour = {
            "field": "share", "type": "quantitative", "title": "busy",
            "scale": {"scheme": "viridis", "domain": [0, 1]}, "legend": {"format": "%"},
        }  # fmt: skip
        tips = _tips(
            node="node", share="busy", tasks="tasks begun", start=f"from, {unit}", end=f"to, {unit}"
        )
    return _spec(
        "When each GPU or worker of each node was busy.",
        scaled,
        by_node=True,
        mark={"type": "bar", "cursor": "pointer", "minBandSize": 3},
        height={"step": 16 if len(lanes) <= 40 else 8},
        encoding={
            "y": {
                "field": "lane",
                "type": "nominal",
                "title": None,
                "sort": lanes,
                "axis": {"labelOverlap": True},
            },
            "x": {
                "field": "start",
                "type": "quantitative",
                **_time(figures),
            },
            "x2": {"field": "end"},
            "color": colour,
            # a bar of a moment is seen, too
            **({"stroke": colour} if timeline["kind"] == "bars" else {}),
            "tooltip": tips,
        },
    )


def _utilisation(figures: Mapping[str, Any]) -> Spec | None:
    timeline = figures["timeline"]
    if not timeline["busy"]:
        return None
    divisor, _ = _unit(_span(figures))
    rows = [{**each, "t": each["t"] / divisor, "what": "busy"} for each in timeline["busy"]]
    there = [{**each, "t": each["t"] / divisor} for each in timeline["there"]]
    x = {"field": "t", "type": "quantitative", **_time(figures)}
    y = {"field": "workers", "type": "quantitative", "title": "workers"}
    spec = _spec("Workers that were there, and workers that were busy.", rows, height=180)
    spec["params"] = [{"name": "node", "value": ""}]
    spec["layer"] = [
        {
            "data": {"values": there},
            "transform": [{"filter": "node === ''"}],
            "mark": {
                "type": "line",
                "interpolate": "step-after",
                "color": _GREY,
                "strokeDash": [4, 3],
            },
            "encoding": {"x": x, "y": y, "tooltip": _tips(workers="workers there")},
        },
        {
            "transform": [
                {"filter": "node === '' || datum.node === '' || datum.node === node"},
                {
                    "aggregate": [{"op": "sum", "field": "workers", "as": "workers"}],
                    "groupby": ["t"],
                },
            ],
            "mark": {"type": "area", "interpolate": "step-after", "color": _BLUE, "opacity": 0.7},
            "encoding": {"x": x, "y": y, "tooltip": _tips(workers="workers busy")},
        },
    ]
    return spec


def _blocks(figures: Mapping[str, Any]) -> Spec | None:
    phases = (
        ("waited in the queue", "asked", "began"),
        ("started", "began", "worked"),
        ("worked", "worked", "ended"),
    )
    divisor, _ = _unit(_span(figures))
    rows = []
    for block in figures["blocks"][:_BLOCKS]:
        for what, first, second in phases:
            last = (
                block[second]
                if block[second] is not None
                else (block["ended"] if what == "started" else None)
            )
            if block[first] is None or last is None:
                continue
            rows.append(
                {
                    "block": f"{block['executor']} {block['block']}",
                    "what": what,
                    "from": block[first] / divisor,
                    "to": last / divisor,
                    "job": block["job"],
                    "end": block["cause"] or block["state"],
                }
            )
    if not rows:
        return None
    scale = {"domain": [each[0] for each in phases], "range": [_ORANGE, _SKY, _GREEN]}
    return _spec(
        "How long each block waited in the queue, started, and worked.",
        rows,
        mark={"type": "bar"},
        height={"step": 20},
        encoding={
            "y": {"field": "block", "type": "nominal", "title": None, "sort": None},
            "x": {
                "field": "from",
                "type": "quantitative",
                **_time(figures),
            },
            "x2": {"field": "to"},
            "color": {"field": "what", "type": "nominal", "scale": scale, "title": None},
            "tooltip": _tips(block="block", what="what", job="job", end="end"),
        },
    )


def _durations(figures: Mapping[str, Any]) -> Spec | None:
    counts = figures["durations"]
    if not counts:
        return None
    return _spec(
        "How long the tasks of each app ran.",
        counts,
        by_node=True,
        # a figure of several rows cannot take the width of the page
        width=1000,
        autosize="pad",
        mark={"type": "bar", "color": _BLUE},
        height=70,
        encoding={
            "row": {
                "field": "app", "type": "nominal", "title": None,
                "sort": list(dict.fromkeys(each["app"] for each in counts)),
                "header": {
                    "labelAngle": 0, "labelAnchor": "start", "labelOrient": "top", "labelFontSize": 12,
                },
            },
            "x": {
                "field": "least", "type": "quantitative", "scale": {"type": "log"},
                "title": "seconds that a task ran", "axis": {"format": "~g", "labelOverlap": True},
            },
            "x2": {"field": "most"},
            "y": {"field": "tasks", "type": "quantitative", "aggregate": "sum", "title": "attempts",
                  "axis": {"tickMinStep": 1, "tickCount": 3}},
            "tooltip": _tips(app="app", least="from, s", most="to, s"),
        },
        resolve={"scale": {"y": "independent"}},
    )  # fmt: skip


def _failures(figures: Mapping[str, Any]) -> Spec | None:
    rows = []
    for each in figures["failures"][:_CAUSES]:
        words = " ".join(f"{each['error']}: {each['message']}".split())
        cause = words if len(words) <= 70 else f"{words[:69]}…"
        known = sum(each["nodes"].values())
        rows += [
            {"cause": cause, "node": node, "attempts": count}
            for node, count in each["nodes"].items()
        ]
        if known < each["attempts"]:
            rows.append({"cause": cause, "node": "not known", "attempts": each["attempts"] - known})
    if not rows:
        return None
    most = max(each["attempts"] for each in figures["failures"])
    return _spec(
        "Attempts that failed or were lost, by cause.",
        rows,
        by_node=True,
        mark={"type": "bar", "color": _RED, "cursor": "pointer"},
        height={"step": 22},
        encoding={
            "y": {
                "field": "cause",
                "type": "nominal",
                "title": None,
                "sort": "-x",
                "axis": {"labelLimit": 330},
            },
            "x": {
                "field": "attempts",
                "type": "quantitative",
                "aggregate": "sum",
                "title": "attempts",
                "axis": {"tickCount": min(most, 6), "format": ",d"},
            },
            "detail": {"field": "node"},
            "tooltip": _tips(cause="cause", node="node"),
        },
    )


def _spec(
    description: str, rows: list[dict[str, Any]], *, by_node: bool = False, **more: Any
) -> Spec:
    spec: Spec = {
        "$schema": _SCHEMA,
        "description": description,
        "width": "container",
        "data": {"values": rows},
        "config": _CONFIG,
        **more,
    }
    if by_node:
        spec["params"] = [{"name": "node", "value": ""}]
        spec["transform"] = [{"filter": _IS_CHOSEN}]
    return spec


def _short(paths: list[str]) -> list[str]:
    """The ends of paths, as long as it takes to tell them apart."""
    parts = [path.split("/") for path in paths]
    for length in range(2, max(map(len, parts))):
        ends = ["/".join(each[-length:]) for each in parts]
        if len(set(ends)) == len(set(paths)):
            return ends
    return paths


def _tips(**titles: str) -> list[dict[str, str]]:
    return [{"field": field, "title": title} for field, title in titles.items()]


def _span(figures: Mapping[str, Any]) -> float:
    """The seconds that figures over time show, so that they have one axis."""
    return float(max(figures["seconds"] or 0.0, figures["timeline"]["seconds"]))


def _time(figures: Mapping[str, Any]) -> Spec:
    """The axis of figures over time."""
    divisor, unit = _unit(_span(figures))
    scale = {"domain": [0, _span(figures) / divisor], "nice": False}
    return {"title": f"{unit} since the run began", "scale": scale, "axis": _FEW}


def _unit(seconds: float) -> tuple[float, str]:
    return next((divisor, name) for least, divisor, name in _UNITS if seconds >= least)
