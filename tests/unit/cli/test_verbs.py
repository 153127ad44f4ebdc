import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from polaris_parsl import cli, files
from polaris_parsl.cli.main import app
from polaris_parsl.cli.table import PANELS, Verb
from polaris_parsl.cli.verbs import Verbs
from polaris_parsl.errors import MissingToolError

VERBS = [verb for verbs in PANELS.values() for verb in verbs]
PRINT_MODULES = """
import atexit, json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
atexit.register(lambda: sys.stderr.write("MODULES " + json.dumps([sorted(sys.modules), opened])))
from polaris_parsl.cli.start import main
main()
"""
# What costs more than a command that only looks may.
SLOW = {
    "typer",
    "rich",
    "click",
    "yaml",
    "jinja2",
    "parsl",
    "logging",
    "hashlib",
    "shutil",
    "subprocess",
}
SLOW |= {"importlib.metadata", "packaging.requirements", "email"}


def imported_by(*words: str) -> set[str]:
    """The modules of a process that ran the command."""
    return imported_and_opened_by(*words)[0]


def imported_and_opened_by(*words: str) -> tuple[set[str], list[str]]:
    """The same, and the files that it opened which are no modules."""
    command = [sys.executable, "-c", PRINT_MODULES, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules, opened = json.loads(done.stderr.rpartition("MODULES ")[2])
    return set(modules), [each for each in opened if not each.endswith((".py", ".pyc", ".so"))]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_help_of_a_verb_begins_with_its_sentence_in_the_list(verb: Verb) -> None:
    module = import_module(f"polaris_parsl.cli.{verb.name}")
    described = inspect.getdoc(getattr(module, verb.function or verb.name))
    assert described is not None
    assert described.partition("\n")[0] == verb.sentence


def test_every_file_with_a_verb_is_in_the_list() -> None:
    files = {
        path.stem
        for path in Path(*cli.__path__).glob("*.py")
        if f"`polaris-parsl {path.stem}`" in path.read_text().partition("\n")[0]
    }
    assert files == {verb.name for verb in VERBS}


def test_help_imports_no_verb() -> None:
    own = {name for name in imported_by("--help") if name.startswith("polaris_parsl.")}
    assert "polaris_parsl.cli.table" in own
    assert not own & {f"polaris_parsl.cli.{verb.name}" for verb in VERBS}
    assert not {name for name in own if name.startswith("polaris_parsl.env")}


def modules_of_python() -> set[str]:
    """The modules of a Python that does nothing, with those that the test asks by."""
    code = "import atexit, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("words", "most"), [(["--help"], 15), (["version"], 15), (["list", "--prefix", "/"], 70)]
)
def test_what_is_asked_most_imports_little(words: list[str], most: int) -> None:
    modules, opened = imported_and_opened_by(*words)
    imported = modules - modules_of_python()
    assert len(imported) <= most, sorted(imported)
    assert len(opened) <= (5 if words[0] == "list" else 0), opened
    assert not imported & SLOW


def test_the_man_page_and_the_completions_of_all_verbs_import_no_library_of_one_verb() -> None:
    """An install makes both, and shells ask for the completions at each press of a key."""
    code = "import json, sys; from polaris_parsl.cli.table import PANELS; "
    code += "from polaris_parsl.cli.verbs import command_of; "
    code += "[command_of(each) for verbs in PANELS.values() for each in verbs if not each.needs_source]; "
    code += "print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    libraries = {"email", "http", "jinja2", "parsl", "rich", "ssl", "yaml"}
    assert not set(json.loads(done.stdout)) & libraries


def test_the_package_imports_nothing_until_it_is_asked_for_something() -> None:
    code = "import json, sys; before = {*sys.modules}; import polaris_parsl; "
    code += "print(json.dumps(sorted({*sys.modules} - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["polaris_parsl", "polaris_parsl.version"]


@pytest.mark.parametrize("words", [["--debug", "--help"], ["--help", "-h"]])
def test_help_is_the_same_however_it_is_asked_for(words: list[str]) -> None:
    command = [sys.executable, "-m", "polaris_parsl"]
    plain, other = (
        subprocess.run([*command, *each], capture_output=True, text=True, check=True).stdout
        for each in (["--help"], words)
    )
    assert other == plain


def test_a_verb_imports_no_other_verb() -> None:
    own = imported_by("queues")
    names = {f"polaris_parsl.cli.{verb.name}" for verb in VERBS}
    assert own & names == {"polaris_parsl.cli.queues", "polaris_parsl.cli.version"}


def hidden() -> set[str]:
    group = typer.main.get_command(app)
    assert isinstance(group, Verbs)
    return {name for name, command in group.commands.items() if command.hidden}


def test_a_source_tree_offers_every_verb() -> None:
    assert hidden() == set()


def test_an_installed_command_offers_no_verb_that_needs_a_source_tree(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("polaris_parsl.cli.table._SOURCE_MARK", "/nowhere")
    assert hidden() == {"install", "wheelhouse", "lock"}


def test_what_needs_a_source_tree_says_where_to_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "checkout", lambda: None)
    with pytest.raises(MissingToolError) as refused:
        files.source_tree("lock")
    assert "`polaris-parsl lock` needs the source tree" in refused.value.problem
    assert refused.value.remedy.endswith("python3 scripts/bootstrap.py lock")
