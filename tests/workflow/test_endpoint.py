"""Our templates under globus-compute-endpoint: its loader, its engine, and its tasks in the sandbox.

What is missing is the service of Globus: no endpoint is registered.
"""

import itertools
import json
import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.env.tools import uv_program
from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.policy.policy import check_policy

# Each release of globus-compute-endpoint gets an environment of its own.
pytestmark = pytest.mark.long

SCRIPT = Path(__file__).with_name("endpoint_engine.py")
TESTED = polaris().globus_compute.tested
COMMON = {"account": "datascience", "queue": "preemptable", "address": "10.0.0.1"}
SHAPES: dict[str, dict[str, Any]] = {
    "gpu": {"nodes_per_block": 2, "walltime": "2:00:00", "retries": 1, "max_idletime": 30},
    "shared gpu": {"workers_per_gpu": 2, "prefetch_capacity": 1, "drain_period": 600},
    "several gpus": {"gpus_per_worker": 2, "launcher": "gnu_parallel", "label": "pairs"},
    "cpu": {"available_accelerators": 0, "cores_per_worker": 2, "encrypted": False},
    "mpi": {"nodes_per_block": 4, "max_workers_per_block": 2, "heartbeat_period": 20},
    "blocks": {"min_blocks": 1, "max_blocks": 3, "strategy": "htex_auto_scale"},
    "text": {"worker_init": "echo '{{ 1 }}' \"{% x %}\" ${#A} \\n {#\n  'é' 🙂\t$HOME"},
}


@dataclass(frozen=True)
class Endpoint:
    """An environment with a release of globus-compute-endpoint."""

    release: str
    prefix: Path

    def ask(self, command: str, pairs: list[tuple[Path, dict[str, Any]]]) -> list[Any]:
        """The configurations that the package itself makes from templates."""
        done = subprocess.run(
            [self.prefix / "bin/python", SCRIPT, command],
            input=json.dumps([(str(folder), given) for folder, given in pairs]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers


def write(endpoint: Endpoint, folder: Path, *choices: str, **given: Any) -> Path:
    """Run `polaris-parsl endpoint`, as a user does."""
    words = [f"{name}={value}" for name, value in given.items()]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "polaris_parsl", "endpoint", *words),
            *("--environment", str(endpoint.prefix), "--output", str(folder)),
            *(word for name in choices for word in ("--user-option", name)),
        ],
        env={**os.environ, "PYTHONWARNINGS": "default"},
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(folder / "user_config_template.yaml.j2"),
        str(folder / "user_config_schema.json"),
    ]
    return folder


@pytest.fixture(scope="module", params=list(TESTED))
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return make_endpoint(str(request.param), tmp_path_factory)


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Endpoint:
    return make_endpoint(next(iter(TESTED)), tmp_path_factory)


def make_endpoint(release: str, factory: pytest.TempPathFactory) -> Endpoint:
    prefix, uv = factory.mktemp("endpoint") / "env", uv_program()
    wanted = [f"globus-compute-endpoint=={release}", f"parsl=={TESTED[release]}"]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, prefix], check=True)
    python = prefix / "bin/python"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *wanted], check=True)
    return Endpoint(release, prefix)


def as_config_has_it(given: dict[str, Any]) -> dict[str, Any]:
    """The configuration of `polaris_parsl.config` for these options, in endpoint_engine.py's form."""
    is_open = given.get("encrypted") is False
    warned = (
        pytest.warns(PolarisParslWarning, match="^encrypted=False") if is_open else nullcontext()
    )
    with warned:
        config = polaris_parsl.config(**given)
    (executor,) = config.executors
    provider: Any = executor.provider  # type: ignore[attr-defined]
    return {
        "label": executor.label,
        "retries": config.retries,
        "working_dir": config.run_dir,
        "strategy": config.strategy,
        "max_idletime": config.max_idletime,
        "executor": executor,
        "provider": provider,
        "launcher_class": type(provider.launcher).__name__,
        "launcher": {
            name: value for name, value in vars(provider.launcher).items() if name != "debug"
        },
    }


def test_an_endpoint_gets_the_values_that_config_passes_to_parsl(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    calls = {name: {**COMMON, "run_dir": tmp_path / "runs", **SHAPES[name]} for name in SHAPES}
    folders = {
        name: write(endpoint, tmp_path / name.replace(" ", "-"), **given)
        for name, given in calls.items()
    }
    answers = endpoint.ask("build", [(folder, {}) for folder in folders.values()])
    for (name, given), found in zip(calls.items(), answers, strict=True):
        wanted = as_config_has_it(given)
        for key in ("label", "retries", "working_dir", "launcher_class", "launcher"):
            assert found[key] == wanted[key], (name, key)
        for key in ("strategy", "max_idletime"):
            assert found["job_status"][key] == wanted[key], (name, key)
        for key, value in found["executor"].items():
            if key != "launch_cmd":
                assert value == getattr(wanted["executor"], key, None), (name, key)
        for key, value in found["provider"].items():
            if key not in ("worker_init", "init_blocks"):
                assert value == getattr(wanted["provider"], key), (name, key)
        assert found["provider"]["init_blocks"] == given.get("min_blocks", 0), name
        assert (found["idle"][0] == 0) == ("min_blocks" in given), name
        assert found["engine"] == ("GlobusMPIEngine" if name == "mpi" else "GlobusComputeEngine")
        assert found["provider_class"] == "PBSProProvider"
        assert found["has_error_handler"]
        assert ("with_mps.sh" in found["pool"]) == (name == "shared gpu")
        assert "globus-compute-endpoint python-exec" in found["pool"]
        script = found["provider"]["worker_init"]
        assert f"export PATH={endpoint.prefix}/bin:$PATH" in script
        assert f')" = {TESTED[endpoint.release]} ]' in script
        assert f"mkdir -p {tmp_path / 'runs'}\n" in script
        assert given.get("worker_init", "") in script
        assert script.count("POLARIS_PARSL_RANK") == (1 if name == "mpi" else 0)


def test_a_users_choice_replaces_the_default(endpoint: Endpoint, tmp_path: Path) -> None:
    names = ("account", "queue", "walltime", "nodes_per_block", "worker_init")
    given = {**COMMON, "run_dir": "/eagle/runs", "worker_init": "export OURS='{{ 1 }}'"}
    folder = write(endpoint, tmp_path / "open", *names, **given)
    chosen = {
        "account": "other",
        "queue": "debug-scaling",
        "walltime": "0:30:00",
        "nodes_per_block": 7,
        "worker_init": '  export A="\'\\n"\n# {{ account }} {% raw %} : - |\nexport B=$HOME\n',
    }
    default, theirs = (
        each["provider"] for each in endpoint.ask("build", [(folder, {}), (folder, chosen)])
    )
    fixed = endpoint.ask("build", [(write(endpoint, tmp_path / "fixed", **given), {})])
    assert default == fixed[0]["provider"]
    script = theirs.pop("worker_init")
    assert script == default.pop("worker_init").replace(
        given["worker_init"], chosen.pop("worker_init")
    )
    assert theirs == {**default, **chosen}


HOSTILE: list[dict[str, Any]] = [
    {"account": "a; touch x"},
    {"account": "a\nb: c"},
    {"account": "a\n"},
    {"account": 'a"'},
    {"account": None},
    {"queue": "debug\n"},
    {"queue": "small"},
    {"walltime": "1:00:00\n#PBS -W x"},
    {"walltime": "0:00:00"},
    {"nodes_per_block": "2"},
    {"nodes_per_block": 1.5},
    {"nodes_per_block": True},
    {"worker_init": ["x"]},
    {"scheduler_options": "#PBS -W x"},
    {"max_blocks": 99},
]


def test_the_schema_refuses_invalid_values(endpoint: Endpoint, tmp_path: Path) -> None:
    names = ("account", "queue", "walltime", "nodes_per_block", "worker_init")
    folder = write(endpoint, tmp_path / "open", *names, **COMMON)
    answers = endpoint.ask("judge", [(folder, each) for each in [{}, *HOSTILE]])
    assert answers == [True] + [False] * len(HOSTILE)


def test_users_cannot_choose_if_the_template_offers_no_choice(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    folder = write(endpoint, tmp_path / "closed", **COMMON)
    assert endpoint.ask("judge", [(folder, {}), (folder, {"queue": "debug"})]) == [True, False]


QUEUES = [*polaris().queues, "R123456", "nonsense"]
NODES = [1, 2, 3, 4, 5, 9, 10, 11, 24, 25, 56, 57, 99, 100, 496, 497, 560]
WALLTIMES = [
    "0:04:59", "0:05:00", "0:59:59", "1:00:00", "01:00:00", "1:00:01", "2:59:59", "3:00:00",
    "3:00:01", "6:00:00", "6:00:01", "10:30:00", "24:00:00", "24:00:01", "72:00:00", "99:00:00",
    "72:00:01", "168:00:00", "0168:00:00", "168:00:01",
]  # fmt: skip


def policy_takes(given: dict[str, Any]) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PolarisParslWarning)
        try:
            check_policy(ExecutorOptions.parse(given))
        except OptionError:
            return False
    return True


@pytest.mark.parametrize(
    ("choices", "fixed"),
    [
        (("queue", "walltime", "nodes_per_block"), {}),
        (("queue", "walltime", "nodes_per_block"), {"max_blocks": 2}),
        (("queue", "walltime"), {"queue": "prod", "nodes_per_block": 30}),
        (("walltime", "nodes_per_block"), {"queue": "prod", "nodes_per_block": 10}),
        (("queue",), {"nodes_per_block": 2, "walltime": "0:30:00"}),
    ],
)
def test_the_schema_and_the_policy_agree_on_every_size_and_length(
    newest: Endpoint, tmp_path: Path, choices: tuple[str, ...], fixed: dict[str, Any]
) -> None:
    given = {**COMMON, **fixed}
    folder = write(newest, tmp_path / "open", *choices, **given)
    values: dict[str, list[Any]] = {
        "queue": QUEUES,
        "nodes_per_block": NODES,
        "walltime": WALLTIMES,
    }
    # each choice left out, too: then the default counts
    every = [[{}, *({name: value} for value in values[name])] for name in choices]
    chosen = [
        {key: value for part in parts for key, value in part.items()}
        for parts in itertools.product(*every)
    ]
    wanted = [policy_takes({**given, **each}) for each in chosen]
    assert True in wanted
    assert False in wanted
    found = newest.ask("judge", [(folder, each) for each in chosen])
    assert [each for each, a, b in zip(chosen, wanted, found, strict=True) if a != b] == []


def test_configure_accepts_the_files(endpoint: Endpoint, tmp_path: Path) -> None:
    folder = write(endpoint, tmp_path / "files", **COMMON)
    files = sorted(folder.iterdir())
    schema, template = files
    done = subprocess.run(
        [
            *(endpoint.prefix / "bin/globus-compute-endpoint", "configure", "polaris"),
            *("--template-config", template, "--schema-config", schema),
            *("--multi-user", "false"),  # it thinks otherwise of root
        ],
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for path in files:
        installed = tmp_path / ".globus_compute" / "polaris" / path.name
        assert installed.read_bytes() == path.read_bytes()


@pytest.fixture
def run(tmp_path: Path, run_isolated: Callable[..., str]) -> Callable[..., list[Any]]:
    """Starts the engine of a template in the sandbox; returns what its tasks saw."""

    def run_engine(endpoint: Endpoint, **given: Any) -> list[Any]:
        wanted = {"account": "sandbox", "queue": "preemptable", "walltime": "0:10:00"}
        folder = write(endpoint, tmp_path / "ep", **wanted, run_dir=tmp_path / "runs", **given)
        stdout = run_isolated(
            "namespaces",
            *(endpoint.prefix / "bin/python", SCRIPT, "run", folder),
            path=f"{endpoint.prefix}/bin:",
            shared=endpoint.prefix,
        )
        (line,) = (line for line in stdout.splitlines() if line.startswith("FOUND "))
        found: list[Any] = json.loads(line.removeprefix("FOUND "))
        return found

    return run_engine


def test_its_tasks_run_one_per_gpu_beside_its_cpus(
    run: Callable[..., list[Any]], endpoint: Endpoint, tmp_path: Path
) -> None:
    rows = run(endpoint, nodes_per_block=2)
    seen = {(node, gpu, tuple(cpus)) for node, gpu, cpus, *_ in rows}
    (one, two) = {node for node, *_ in seen}
    cpus = {str(each.gpu): each.cpus for each in polaris().node.accelerators}
    assert sorted((node, gpu) for node, gpu, _ in seen) == sorted(
        itertools.product([one, two], cpus)
    )
    for _, gpu, mine in seen:
        first, second = (part.split("-") for part in cpus[gpu].split(","))
        assert mine == (
            *range(int(first[0]), int(first[1]) + 1),
            *range(int(second[0]), int(second[1]) + 1),
        )
    assert {folder for *_, folder, _ in rows} == {str(tmp_path / "runs")}


def test_its_tasks_share_a_gpu_under_mps_on_every_node(
    run: Callable[..., list[Any]], newest: Endpoint
) -> None:
    rows = run(newest, nodes_per_block=2, workers_per_gpu=2)
    seen = {(node, gpu, tuple(cpus)) for node, gpu, cpus, *_ in rows}
    assert len(seen) == 16
    assert set(Counter((node, gpu) for node, gpu, _ in seen).values()) == {2}
    assert all(servers for *_, servers in rows), "no MPS server where a task ran"


def test_its_mpi_tasks_have_a_gpu_for_each_rank(
    run: Callable[..., list[Any]], newest: Endpoint
) -> None:
    for task in run(newest, nodes_per_block=4, max_workers_per_block=2):
        nodes = {node for node, _ in task}
        assert len(nodes) == 2
        assert sorted((node, gpu) for node, gpu in task) == sorted(
            itertools.product(nodes, ["0", "1", "2", "3"])
        )
