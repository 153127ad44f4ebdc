"""What a file is that somebody wants to adopt, by its text and its name."""

import ast
import json
from pathlib import Path

_TEXTS = {".md": "Markdown", ".rst": "reStructuredText", ".txt": "a text", ".toml": "TOML"}
_IMPORTS = ("import ", "from ")


def is_python(text: str) -> bool:
    """Whether a text is Python that imports something."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))


def code_of_notebook(text: str) -> str | None:
    """The Python of a Jupyter notebook's cells, without commands to IPython; None for others."""
    try:
        data = json.loads(text)
        cells = data["cells"]
        sources = ["".join(each["source"]) for each in cells if each["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    cells_of_python = [each for each in sources if not each.lstrip().startswith("%%")]
    lines = "\n".join(cells_of_python).splitlines()
    # a magic in an indented block leaves that block with a statement
    return "\n".join(
        f"{line[: len(line) - len(line.lstrip())]}pass" if line.lstrip()[:1] in ("%", "!") else line
        for line in lines
    )


def what_it_is(file: Path, text: str) -> str:
    """What a file is that is neither Python nor a job script, for a message."""
    if any(line.startswith(_IMPORTS) for line in text.splitlines()) or file.suffix == ".py":
        try:
            ast.parse(text)
        except SyntaxError as error:
            return f"not Python 3: line {error.lineno}: {error.msg}"
        except ValueError as error:
            return f"not Python 3: {error}"
    if file.suffix in _TEXTS:
        return f"{_TEXTS[file.suffix]}, neither Python nor a PBS job script"
    if file.suffix in (".yaml", ".yml", ".j2"):
        return "YAML without the engine of a Globus Compute endpoint"
    return "neither Python nor a PBS job script"
