#!/usr/bin/env python3
"""Draw docs/rooms.svg, the map of the package: each room on its floor, and who imports whom.

    .venv/bin/python scripts/rooms.py

The floors are those of the import contract in pyproject.toml; rooms, sizes and arrows come from the
imports that grimp finds. tests/lint/test_rooms.py compares the committed picture with the code.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import cycle
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "rooms.svg"
PACKAGE = "polaris_parsl"
GROUND = "ground"
# One colour for each importing room, readable on light and dark.
COLOURS = (
    "#7a7a7a", "#d1495b", "#8e6bbf", "#2a9d8f", "#c9832b", "#3b7dd8",
    "#5f9e3f", "#c2569d", "#0f8ba8", "#a0763a", "#6470c9", "#b55d3c",
)  # fmt: skip
BOX_LEFT, BOX_WIDTH, BOX_HEIGHT, ROW, TOP = 56, 570, 48, 62, 20
LANE, LANES_LEFT = 18, BOX_LEFT + BOX_WIDTH + 34
# GitHub shows a picture on the reader's background; this one brings its own.
STYLE = """
  text { font-family: system-ui, "DejaVu Sans", sans-serif; fill: #1f2328 }
  .paper { fill: #ffffff } .floor { fill: #f0f2f5 } .box { fill: #ffffff; stroke: #8c959f }
  .name { font-size: 15px; font-weight: 600 } .what { font-size: 11.5px } .size { font-size: 11.5px }
  .number { font-size: 12px } .arrow { fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .paper { fill: #0d1117 } .floor { fill: #1b212a } .box { fill: #0d1117; stroke: #6e7681 }
  }
"""


@dataclass(frozen=True)
class Room:
    """A folder of the package, or the single modules at its root.

    Attributes:
        name: the folder's.
        floor: 1 at the top.
        purpose: the first sentence of its docstring.
        modules: how many.
        lines: of all modules together, to a hundred.
    """

    name: str
    floor: int
    purpose: str
    modules: int
    lines: int


def floors() -> list[list[str]]:
    """The rooms of each floor, top first, from the import contract; the last floor is the ground."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        each
        for each in settings["tool"]["importlinter"]["contracts"]
        if each["name"] == "one direction of imports"
    )
    rows = [
        [name.strip().removeprefix(f"{PACKAGE}.") for name in layer.replace("|", ":").split(":")]
        for layer in contract["layers"]
    ]
    return [sorted(row) for row in rows]


@cache
def graph() -> grimp.ImportGraph:
    """Every module of the package and what it imports."""
    return grimp.build_graph(PACKAGE)


@cache
def room_of(module: str) -> str | None:
    """The room of a module; None for those that stand above all floors."""
    *_, ground = floors()
    _, _, path = module.partition(".")
    name = path.partition(".")[0]
    if name in ground:
        return GROUND
    return name if any(name in row for row in floors()) else None


@cache
def rooms() -> list[Room]:
    """All rooms, top floor first; the modules of the ground are one room."""
    *upper, ground = floors()
    paths: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "src" / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        if name := room_of(".".join(parts)):
            paths.setdefault(name, []).append(path)
    purposes = {GROUND: " · ".join(ground)}
    found = []
    for floor, row in enumerate([*upper, [GROUND]], 1):
        for name in row:
            files = [path for path in paths[name] if path.name != "__init__.py"]
            lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths[name])
            lines = round(lines, -2)  # so that few commits change the picture
            purpose = purposes.get(name) or docstring(ROOT / "src" / PACKAGE / name)
            found.append(Room(name, floor, purpose, len(files), lines))
    return found


def docstring(folder: Path) -> str:
    """The first sentence of a package's docstring, without its full stop."""
    text = (folder / "__init__.py").read_text(encoding="utf-8").split('"""')[1]
    return text.replace(".\n", ". ").partition(". ")[0].strip().removesuffix(".").replace("`", "")


@cache
def imports() -> Counter[tuple[str, str]]:
    """Which room imports which, and by how many imports of modules."""
    counted: Counter[tuple[str, str]] = Counter()
    for module in graph().modules:
        for imported in graph().find_modules_directly_imported_by(module):
            pair = room_of(module), room_of(imported)
            if pair[0] and pair[1] and pair[0] != pair[1]:
                counted[pair[0], pair[1]] += 1
    return counted


def draw() -> str:
    """The picture, as SVG."""
    found, arrows = rooms(), imports()
    rows = {room.name: number for number, room in enumerate(found)}
    importing = [room.name for room in found if any(source == room.name for source, _ in arrows)]
    # the lane of a lower room is nearer to the boxes, so that it crosses fewer others
    lanes = {name: LANES_LEFT + LANE * place for place, name in enumerate(reversed(importing))}
    colours = dict(zip(importing, cycle(COLOURS), strict=False))
    width = LANES_LEFT + LANE * len(importing) + 8
    height = TOP + ROW * len(found) + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        f"<title>The rooms of {PACKAGE} and their imports</title>",
        "<!-- made by scripts/rooms.py; do not edit -->",
        f"<style>{STYLE}</style>",
        *markers(colours),
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
        *floor_bands(found, width),
        *(box for room in found for box in draw_box(room, top(rows[room.name]), colours)),
        *draw_arrows(arrows, rows, lanes, colours),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def top(row: int) -> int:
    """The upper edge of the box in a row."""
    return TOP + ROW * row


def markers(colours: Mapping[str, str]) -> Iterator[str]:
    """An arrow head in each colour."""
    for name, colour in colours.items():
        yield (
            f'<marker id="to-{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
            ' markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        )


def floor_bands(found: list[Room], width: int) -> Iterator[str]:
    """A band behind the rooms of each floor, with the floor's number."""
    last = found[-1].floor
    for floor in range(1, last + 1):
        rows = [number for number, room in enumerate(found) if room.floor == floor]
        y, height = top(rows[0]) - 6, ROW * len(rows) - 2
        middle = y + height / 2 + 4
        yield f'<rect class="floor" x="8" y="{y}" width="{width - 16}" height="{height}" rx="6"/>'
        yield f'<text class="number" x="24" y="{middle:g}">{last - floor}</text>'


def draw_box(room: Room, y: int, colours: Mapping[str, str]) -> Iterator[str]:
    """The box of a room: name, size, purpose."""
    right = BOX_LEFT + BOX_WIDTH
    size = f"{room.modules} modules, {room.lines:,} lines"
    yield (
        f'<g data-room="{room.name}" data-floor="{room.floor}" data-modules="{room.modules}"'
        f' data-lines="{room.lines}">'
    )
    yield (
        f'<rect class="box" x="{BOX_LEFT}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
    )
    colour = colours.get(room.name, "#8c959f")
    yield f'<rect x="{BOX_LEFT}" y="{y}" width="5" height="{BOX_HEIGHT}" fill="{colour}"/>'
    yield f'<text class="name" x="{BOX_LEFT + 16}" y="{y + 19}">{room.name}</text>'
    yield f'<text class="size" x="{right - 14}" y="{y + 19}" text-anchor="end">{size}</text>'
    yield f'<text class="what" x="{BOX_LEFT + 16}" y="{y + 38}">{escape(room.purpose)}</text></g>'


def draw_arrows(
    arrows: Mapping[tuple[str, str], int],
    rows: Mapping[str, int],
    lanes: Mapping[str, int],
    colours: Mapping[str, str],
) -> Iterator[str]:
    """From each importing room a lane downwards, and from the lane an arrow to each imported room."""
    edge = BOX_LEFT + BOX_WIDTH
    for source, lane in lanes.items():
        targets = [target for target in rows if (source, target) in arrows]
        leaves = top(rows[source]) + BOX_HEIGHT - 6
        for target in targets:
            importers = [name for name in rows if (name, target) in arrows]
            # the highest importer has the outermost lane: its arrow arrives at the top
            place = (importers.index(source) + 1) / (len(importers) + 1)
            arrives = top(rows[target]) + 2 + place * (BOX_HEIGHT - 12)
            count = arrows[source, target]
            stroke = 1.2 if count < 5 else 2 if count < 15 else 3
            yield (
                f'<path class="arrow" data-from="{source}" data-to="{target}"'
                f' d="M{edge} {leaves}H{lane}V{arrives:.1f}H{edge + 1}" stroke="{colours[source]}"'
                f' stroke-width="{stroke}" marker-end="url(#to-{source})">'
                f"<title>{source} imports {target}: {count}</title></path>"
            )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"wrote {PICTURE.relative_to(ROOT)}")
