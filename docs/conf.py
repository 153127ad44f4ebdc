"""The site: these documents, built by Sphinx.

sphinx-build -W -c docs . DIRECTORY
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]

from messages import table

from polaris_parsl.version import VERSION

project, author, release = "polaris-parsl", "polaris-parsl", VERSION
extensions = ["myst_parser"]
root_doc = "README"
# the documents lie beside what they link to
include_patterns = ["*.md", "docs/*.md"]
# directories of other files are named, too: Sphinx looks through all others
exclude_patterns = [
    ".*",
    "LICENSE.md",
    "benchmarks",
    "examples",
    "pins",
    "scripts",
    "shared",
    "src",
    "tests",
]
html_theme = "furo"
html_title = f"polaris-parsl {VERSION}"
html_copy_source = False
# headings have the anchors that they have on the forge
myst_heading_anchors = 4
# a command is no number of fancy quotes
smartquotes = False
# a template of YAML is no YAML
suppress_warnings = ["misc.highlighting_failure"]

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_PAGE = re.compile(r"^\| \[[^]]+\]\(([\w./-]+)\.md\)", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
_TROUBLE = "docs/troubleshooting"


def setup(app: Any) -> None:
    """Give the pages what only a site has."""
    app.connect("source-read", _read)
    app.connect("build-finished", _finish)


def _read(_app: Any, name: str, source: list[str]) -> None:
    source[0] = _LINK.sub(lambda link: _as_link(link, ROOT / f"{name}.md"), source[0])
    if name == root_doc:
        source[0] += _contents()
    if name == _TROUBLE:
        source[0] += f"\n## Every error\n\nRead from the code of this version.\n\n{table()}"


def _contents() -> str:
    """The order of the pages, from the tables of docs/README.md."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    parts = _SECTION.split(index)[1:]
    lists = [_list("", ["docs/README"])]
    for caption, text in zip(parts[::2], parts[1::2], strict=True):
        pages = [(Path("docs") / page).as_posix() for page in _PAGE.findall(text)]
        lists.append(_list(caption, [page.replace("docs/../", "") for page in pages]))
    return "".join([*lists, _list("Changes", ["CHANGELOG"])])


def _list(caption: str, pages: list[str]) -> str:
    head = [f":caption: {caption}"] if caption else []
    return "\n".join(["\n```{toctree}", ":hidden:", *head, "", *pages, "```", ""])


def _as_link(link: "re.Match[str]", page: Path) -> str:
    """A link to a page or file; one to a directory, which a site has not, as its name."""
    is_folder = (page.parent / link[2]).is_dir()
    return link[1] if is_folder else link[0]


def _finish(app: Any, error: Exception | None) -> None:
    """The page that a server shows first."""
    if error is None and app.builder.format == "html":
        shutil.copy(Path(app.outdir, f"{root_doc}.html"), Path(app.outdir, "index.html"))
