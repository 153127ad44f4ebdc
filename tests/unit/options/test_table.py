import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from polaris_parsl.cli.user_opts import complete
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.lookup import handed_to
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.table import OPTIONS, UserOpts

ROOT = Path(__file__).parents[3]
# An argument of Parsl's executors that is not an option yet; one row makes it one.
ROW = """
    poll_period: Annotated[int | None, Option(
        help="Milliseconds between two looks of a node for tasks.",
        check=WholeNumber(1, 60_000),
        default=10,
        handed_to="executor",
        for_endpoint_users=True,
    )]


class TaskOptions("""
LOOK = """
import inspect, json, warnings
from pathlib import Path
warnings.simplefilter("error")
import polaris_parsl
from polaris_parsl.adopt.python_file import ParslCall
from polaris_parsl.adopt.executors import read_executor
from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.cli.user_opts import complete, read_words
from polaris_parsl.endpoint.environment import Environment
from polaris_parsl.endpoint.files import endpoint_files
from polaris_parsl.endpoint.schema import render_schema
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.reference import reference_page
from polaris_parsl.options.table import UserOpts

assert polaris_parsl.__file__.startswith(str(Path.cwd()))
base = {"account": "datascience", "address": "10.0.0.1"}

def period(**given):
    (executor,) = polaris_parsl.config(**base, **given).executors
    return executor.poll_period

assert "poll_period" in UserOpts.__annotations__
assert "poll_period" in inspect.signature(polaris_parsl.config).parameters
assert "poll_period (int): Milliseconds between" in polaris_parsl.config.__doc__
assert "| `poll_period` | int |  | `10` |  | Milliseconds between" in reference_page()
assert period() == 10
assert period(poll_period=20) == 20
try:
    period(poll_period=0)
except OptionError as error:
    assert "poll_period=0 is out of range, from 1 to 60000" in error.problem
else:
    raise AssertionError("0 is taken")
Path("polaris-parsl.toml").write_text("poll_period = 30\\n")
assert period() == 30
import os
os.environ["POLARIS_PARSL_POLL_PERIOD"] = "40"
assert period() == 40
(row,) = (each for each in polaris_parsl.explain(**base).rows if each.name == "poll_period")
assert (row.value, row.layer) == (40, "environment POLARIS_PARSL_POLL_PERIOD")
del os.environ["POLARIS_PARSL_POLL_PERIOD"]
assert read_words(["poll_period=50"]) == {"poll_period": 50}
assert complete("poll") == [("poll_period=", "Milliseconds between two looks of a node for tasks.")]
environment = Environment(Path("/env/bin/python"), *next(iter(polaris().globus_compute.tested.items())))
assert "poll_period: 60" in endpoint_files({**base, "poll_period": 60}, environment).template
schema = json.loads(render_schema(ExecutorOptions.parse(base), ["poll_period"]))
wanted = {"type": "integer", "minimum": 1, "maximum": 60_000}
assert schema["properties"]["poll_period"] == wanted
provider = ParslCall("PBSProProvider", 1, (), {}, ())
executor = ParslCall("HighThroughputExecutor", 1, (), {"poll_period": 70, "provider": provider}, ())
assert read_executor(executor, AdoptFindings(), is_alone=True)["poll_period"] == 70
print("found everywhere")
"""


def test_an_option_that_is_added_in_one_place_is_found_in_all(tmp_path: Path) -> None:
    package = tmp_path / "polaris_parsl"
    shutil.copytree(
        ROOT / "src" / "polaris_parsl", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    table = package / "options" / "table" / "tasks.py"
    text = table.read_text()
    assert text.count("\n\n\nclass TaskOptions(") == 1
    table.write_text(text.replace("\n\n\nclass TaskOptions(", ROW))
    env = {name: value for name, value in os.environ.items() if not name.startswith("P")}
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=tmp_path,
        env={**env, "PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "found everywhere\n", done.stderr


def test_every_option_has_a_sentence_and_one_default() -> None:
    for option in OPTIONS.values():
        assert re.fullmatch(r"[A-Z0-9].*\.", option.help), option.name
        in_facts = option.name in polaris().defaults
        assert in_facts or option.default is not None or option.otherwise, option.name
        assert not (in_facts and option.default is not None), option.name


def test_the_facts_have_defaults_of_options_only() -> None:
    assert polaris().defaults.keys() <= OPTIONS.keys()


def test_a_field_is_an_option_and_an_option_that_is_no_field_is_handed_on_to_parsl() -> None:
    names = {field.name for field in fields(ExecutorOptions)} - {"nodes", "handed_on"}
    assert names <= OPTIONS.keys()
    others = OPTIONS.keys() - names
    assert others - {"executors", "start_method"} <= {
        *handed_to("config", "executor", "provider", "pbs provider")
    }
    options = ExecutorOptions.parse({"account": "datascience"})
    assert options.handed_on.keys() == others - {"executors"}


def test_a_call_is_typed_by_the_table() -> None:
    assert UserOpts.__annotations__.keys() == OPTIONS.keys()
    assert not UserOpts.__required_keys__


def test_a_shell_completes_the_names_of_options() -> None:
    offered = dict(complete("max_workers_per_"))
    assert list(offered) == ["max_workers_per_node=", "max_workers_per_block="]
    assert len(complete("")) == len(OPTIONS)


CALLS = """
from datetime import timedelta
from polaris_parsl import config
from polaris_parsl.options.table import UserOpts
user_opts: UserOpts = {"account": "a", "nodes_per_block": 2}
config(**user_opts)
config(account="a", walltime=timedelta(hours=1), available_accelerators=[0, 3], queue=None)
config(account="a", launcher="gnu_parallel", executors={"a": {"workers_per_gpu": 2}})
config(acount="a")
config(nodes_per_block="3")
config(launcher="srun")
"""


def test_a_type_checker_takes_right_calls_and_finds_wrong_ones(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(CALLS)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = re.findall(r"program.py:(\d+): error: .*", done.stdout)
    assert wrong == ["9", "10", "11"], done.stdout + done.stderr
