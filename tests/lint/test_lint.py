"""Lint is a test like any other: one row a tool, one row a promise about the tree."""

import ast
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd

from polaris_parsl import installs

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

TOOLS = {
    "ruff": ["ruff", "check"],
    "format": ["ruff", "format", "--check"],
    "types": ["mypy"],
    "direction of imports": ["lint-imports"],
    "shellcheck": ["shellcheck", "--external-sources", "SHELL"],
    "shfmt": ["shfmt", "--diff", "--indent=2", "--case-indent", "SHELL"],
}


def tracked(pattern: str = "") -> list[Path]:
    """Files that git tracks, or would if asked to."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *pattern.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("tool", TOOLS)
def test_lint_finds_nothing(tool: str) -> None:
    shell = [str(path) for path in tracked("*.sh .ci/run")]
    assert shell
    program, *arguments = TOOLS[tool]
    words = [word for given in arguments for word in (shell if given == "SHELL" else [given])]
    result = subprocess.run(
        [BIN / program, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_tree_holds_no_path_of_a_machine_and_no_registry_host() -> None:
    hosts = ["py" + "pi", "python" + "hosted", "deb" + r"\.debian", "npm" + "js"]
    places = ["ro" + "ot", "wo" + "rk", "ho" + "me/[a-z]+"]
    forbidden = re.compile(
        rf"\b(?:{'|'.join(hosts)})\.(?:org|io|com)\b|(?<![\w.$}}{{])/(?:{'|'.join(places)})/"
    )
    found = []
    for path in tracked():
        if path.name == Path(__file__).name:
            continue
        found += [
            f"{path.relative_to(ROOT)}: {match[0]}"
            for text in texts(path)
            for match in forbidden.finditer(text)
            if not match[0].startswith(("/home/user", "/home/you"))
        ]
    assert found == []


def test_no_output_of_a_job_lies_in_the_tree() -> None:
    assert [path.name for path in tracked() if re.search(r"\.[oe]\d+$", path.name)] == []


def test_each_class_of_the_package_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = {}
    for path in tracked("src/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert len(places) > 50
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def texts(path: Path) -> Iterator[str]:
    """What stands in a file; in a pin, in each file that it holds."""
    if not path.name.endswith(".tar.zst"):
        yield path.read_text(errors="replace")
        return
    with zstd.open(path) as stream, tarfile.open(fileobj=stream) as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member)
            yield content.read().decode(errors="replace") if content else ""


def test_no_module_is_longer_than_400_lines() -> None:
    sources = tracked("*.py")
    assert sources
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_only_installs_types_the_names_below_a_prefix() -> None:
    names = {installs.VERSIONS, installs.STATE, installs.LUA_TREE, installs.TCL_TREE}
    names |= {installs.OVERLAY, installs.TOOLS, installs.RECEIPT, installs.INSTALL_FILE}
    names |= {installs.STAGING, installs.REMOVED}
    found = []
    for path in tracked("src/*.py"):
        if path.name == "installs.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            parts = {part for text in path_texts(node) for part in text.split("/")}
            found += [f"{path.relative_to(ROOT)}:{name}" for name in sorted(parts & names)]
    assert found == []


def test_only_below_changes_modes_and_owners_and_deletes_trees() -> None:
    """A path may lead through a link that somebody else has put there."""
    forbidden = {"chmod", "chown", "lchown", "lchmod", "fchmod", "fchown", "rmtree"}
    # bootstrap.py loads own_cache.py alone, so it can import nothing
    sources = [each for each in tracked("src/polaris_parsl/env/*.py") if each.stem != "own_cache"]
    assert sources
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.attr}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    ]
    assert found == []


def test_a_typed_name_below_a_prefix_is_found_in_each_form() -> None:
    forms = ['place / "versions"', 'Path(p, "versions")', 'p.with_name("versions")']
    forms += ['p.name == "versions"', 'f"{p}/versions/{v}"', 'g(prefix="versions")']
    for form in forms:
        nodes = list(ast.walk(ast.parse(form)))
        assert "versions" in {
            part for node in nodes for text in path_texts(node) for part in text.split("/")
        }, form


def path_texts(node: ast.AST) -> Iterator[str]:
    """The texts of a piece of code that are, or may be, parts of a path."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = function if isinstance(function, str) else getattr(function, "id", "")
        if name in {"Path", "PurePosixPath", "joinpath", "with_name"}:
            parts = list(node.args)
        parts += [each.value for each in node.keywords if each.arg == "prefix"]
    elif isinstance(node, ast.JoinedStr):
        texts = [each.value for each in node.values if isinstance(each, ast.Constant)]
        yield from (str(text) for text in texts if str(text).startswith("/"))
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
