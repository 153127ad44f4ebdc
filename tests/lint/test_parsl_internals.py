"""What Parsl does not promise to keep is used in one room only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris_parsl.configuration.parsl_internals.check import INTERNALS

SOURCE = Path(__file__).parents[2] / "src" / "polaris_parsl"
ROOM = SOURCE / "configuration" / "parsl_internals"
# Names of our own options or of everyday use, too: only as attributes of Parsl's objects are they internals.
OF_PARSLS_OBJECTS = {
    "init_blocks": {"provider"},
    "resources": {"provider"},
    "checkpoint_files": {"memoizer"},
    "start": {"memoizer"},
    "close": {"memoizer"},
    # their constructors take it, so settings may name it
    "interchange_launch_cmd": {"executor", "self"},
    "interchange": set(),
    "tasks": {"executor"},
    "_tasks": {"executor"},
    "process_worker_pool": set(),
    "distributions": set(),
}


def uses(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Lines and names of Parsl's inside that a module uses."""
    everywhere = {each.attribute for each in INTERNALS} - OF_PARSLS_OBJECTS.keys()
    for node in ast.walk(tree):
        for name in names(node):
            if name in everywhere:
                yield node.lineno, name  # type: ignore[attr-defined]
        if isinstance(node, ast.Attribute) and name_of(node.value) in OF_PARSLS_OBJECTS.get(
            node.attr, set()
        ):
            yield node.lineno, node.attr
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "parsl":
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            yield from ((node.lineno, name) for name in private)
        if is_private(node):
            yield node.lineno, node.attr  # type: ignore[attr-defined]


def names(node: ast.AST) -> list[str]:
    """The names that a piece of code is about, also as texts."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.keyword(arg=str(name)):
            return [name]
        case ast.FunctionDef(name=name) | ast.Constant(value=str(name)):
            return [name]
        case ast.alias(name=name):
            return [name]
    return []


def name_of(node: ast.AST) -> str:
    """The last name of `provider`, `executor.provider` or `self.provider`."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_private(node: ast.AST) -> bool:
    """Whether code reaches for a private attribute of Parsl's executors, providers and the like."""
    owners = {"executor", "provider", "launcher", "memoizer", "dfk", "parsl"}
    return (
        isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and name_of(node.value) in owners
    )


def test_no_module_outside_of_the_room_uses_the_inside_of_parsl() -> None:
    modules = [path for path in SOURCE.rglob("*.py") if ROOM not in path.parents]
    assert len(modules) > 100
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {name}"
        for path in modules
        for line, name in uses(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "from parsl.providers.torque.torque import translate_table",
        "from parsl.dataflow import _secret",
        "executor._launch_block('0')",
        "executor._anything",
        "executor.provider._status()",
        "setattr(executor, 'worker_port', 1)",
        "self.provider.init_blocks = 0",
        "provider.resources.items()",
        "executor.interchange_launch_cmd = []",
        "def check_memo(self, task): ...",
        "from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD as x",
        "dict(all_addresses=1)",
    ],
)
def test_a_use_is_found(text: str) -> None:
    assert list(uses(ast.parse(text)))


@pytest.mark.parametrize(
    "text", ["options.init_blocks", "stream.close()", "self._own", "{'init_blocks': 1}"]
)
def test_what_only_sounds_like_it_is_not(text: str) -> None:
    assert list(uses(ast.parse(text))) == []
