"""Whatever is asked for: a job that the sandbox's qsub takes, or a refusal; nothing else."""

import json
import shlex
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from polaris_parsl import PolarisParslError, PolarisParslWarning
from polaris_parsl.configuration.job_script import JobScript, job_scripts
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.sources import parse
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.sandbox.pbs.limits import check_queue, destination, find_queue
from polaris_parsl.sandbox.pbs.options import read_directives
from polaris_parsl.sandbox.pbs.submit import make_job

MARK = "polaris_parsl_was_here"
HOSTILE = st.sampled_from(
    [
        f"a\n#PBS -l walltime=9:00:00\ntouch {MARK}",
        f"$(touch {MARK})",
        f"`touch {MARK}`",
        f"a; touch {MARK}",
        f"a' touch {MARK} '",
        f'a" touch {MARK} "',
        f"a && touch {MARK}",
        f"fe80::1%$(touch {MARK})",
        f"/a\ntouch {MARK}",
        f"#PBS -l filesystems=home\ntouch {MARK}",
        "#PBS -l filesystems=home -W block=true",
        "${HOME}",
        "$jobname",
        "{debug}",
        "a b",
        "ä",
        "\x00",
        "\r",
        "",
        "-q",
    ]
)
PLAIN = st.one_of(
    HOSTILE, st.text(max_size=8), st.integers(-3, 700), st.floats(), st.booleans(), st.none(),
    st.sampled_from([10**30, -(10**400), "a" * 300, "/a" * 3000, "~nobody-here"]),
)  # fmt: skip
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
# Values of each option that have a chance, so that many combinations get as far as a script.
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "account": st.just("datascience"),
    "queue": st.sampled_from([*polaris().queues, "R123456", "nosuch"]),
    "walltime": st.sampled_from(["0:05:00", "0:30:00", "1:00:00", "3:00:00", "24:00:00"]),
    "nodes_per_block": st.sampled_from([1, 2, 3, 10, 24, 100]),
    "cpus_per_node": st.sampled_from([1, 32, 64]),
    "available_accelerators": st.sampled_from([0, 1, 2, 4, [3, 0], ["1"]]),
    "workers_per_gpu": st.integers(1, 4),
    "gpus_per_worker": st.sampled_from([1, 2, 4]),
    "max_workers_per_node": st.sampled_from([None, 4, 8]),
    "max_workers_per_block": st.sampled_from([None, None, 1, 2]),
    "cores_per_worker": st.sampled_from([0.5, 1, 2, 16]),
    "scheduler_options": st.sampled_from(
        [
            "#PBS -l filesystems=home:eagle",
            "#PBS -l filesystems=eagle\n#PBS -l place=scatter\n#PBS -r y",
            "#PBS -l place=scatter",
            f"#PBS -l filesystems=home;touch {MARK}",
        ]
    ),
    "worker_init": st.sampled_from(["", "export A=1", "echo '$PATH' \"`id`\""]),
    "run_dir": st.sampled_from(["runs", "/eagle/a+b=c@d,%", "/eagle/a b", "/eagle/$(id)"]),
    "launcher": st.sampled_from(["mpiexec", "gnu_parallel"]),
    "label": st.sampled_from(["htex", "gpu-1", "a:b"]),
    "init_blocks": st.integers(0, 2),
    "min_blocks": st.integers(0, 1),
    "max_blocks": st.integers(1, 3),
    "retries": st.integers(0, 3),
    "heartbeat_period": st.sampled_from([15, 30]),
    "heartbeat_threshold": st.sampled_from([30, 120]),
    "drain_period": st.sampled_from([None, 60, 3600]),
    "strategy": st.sampled_from(["simple", "none", "htex_auto_scale"]),
    "encrypted": st.booleans(),
    "cmd_timeout": st.sampled_from([1, 120]),
    "max_idletime": st.sampled_from([0.5, 120, 1e9]),
    "prefetch_capacity": st.integers(0, 2),
    "usage_tracking": st.integers(0, 3),
    "address": st.sampled_from(["10.1.0.1", "10.0.0.1", "2001:db8::1", "127.0.0.1", "login"]),
}


@pytest.fixture(autouse=True)
def _outside_a_job(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PBS_JOBID", "PBS_NODEFILE", "POLARIS_PARSL_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PolarisParslWarning)
        yield


def check_as_qsub(script: JobScript) -> None:
    """Raise where the sandbox's qsub would, and where a line stands that nobody asked for."""
    words = shlex.split(script.command)
    assert words[0] == "qsub"
    job = make_job(1, words[1:], script=script.text, cwd="/", environment={"HOME": "/"})
    queue = find_queue(job.queue)
    check_queue(job, queue, [], None)
    assert destination(job, queue, None) is not None
    head = script.text[: script.text.index("# The environment of the driver")]
    assert all(not line or line.startswith("#") for line in head.splitlines())
    assert len(read_directives(head)) <= 12
    assert MARK not in script.text


def attempt(asked: dict[str, Any]) -> None:
    try:
        scripts = job_scripts(**{"address": "10.0.0.1", **asked})
    except PolarisParslError:
        event("refused")
        return
    event("accepted")
    for script in scripts:
        if not any(asked.get(name) == "R123456" for name in ("queue",)):
            check_as_qsub(script)


@given(st.fixed_dictionaries({}, optional=LIKELY))
def test_likely_options_give_a_job_that_qsub_takes_or_a_refusal(asked: dict[str, Any]) -> None:
    attempt({"account": "datascience", **asked})


@given(st.fixed_dictionaries({}, optional=LIKELY))
def test_inside_a_job_likely_options_give_a_script_that_asks_pbs_nothing_or_a_refusal(
    asked: dict[str, Any],
) -> None:
    with tempfile.NamedTemporaryFile("w") as nodefile, pytest.MonkeyPatch.context() as patch:
        nodefile.write("n1.hsn\nn1.hsn\nn2.hsn\nn3.hsn\n")
        nodefile.flush()
        patch.setenv("PBS_JOBID", "1.pbs")
        patch.setenv("PBS_NODEFILE", nodefile.name)
        try:
            scripts = job_scripts(**{"address": "10.0.0.1", **asked})
        except PolarisParslError:
            return
    for script in scripts:
        assert script.command == ""
        assert MARK not in script.text


@given(
    name=st.sampled_from([*OPTIONS]),
    value=ANYTHING,
    rest=st.fixed_dictionaries({"account": LIKELY["account"]}, optional={"queue": LIKELY["queue"]}),
)
def test_any_value_of_any_option_gives_a_job_that_qsub_takes_or_a_refusal(
    name: str, value: Any, rest: dict[str, Any]
) -> None:
    if name == "worker_init":  # the user's own shell text
        return
    attempt({**rest, name: value})


_SHAPES = ("available_accelerators", "workers_per_gpu", "nodes_per_block", "max_workers_per_block")
_LIKELY_EXECUTOR = st.fixed_dictionaries({}, optional={name: LIKELY[name] for name in _SHAPES})


@given(
    st.one_of(
        st.dictionaries(st.sampled_from(["gpu", "cpu", "mpi"]), _LIKELY_EXECUTOR, max_size=3),
        st.dictionaries(
            st.text(max_size=5) | st.just("gpu"),
            ANYTHING | st.fixed_dictionaries({}, optional=LIKELY),
            max_size=3,
        ),
    )
)
def test_any_table_of_executors_gives_jobs_that_qsub_takes_or_a_refusal(
    executors: dict[str, Any],
) -> None:
    attempt({"account": "datascience", "queue": "preemptable", "executors": executors})


# What each option of text is begun with, so that only the rest is at fault.
BEGUN = {
    "account": "a", "queue": "debug", "label": "a", "walltime": "1:00:00", "interface": "lo",
    "address": "10.0.0.1", "run_dir": "/eagle/x", "launcher": "mpiexec", "mode": "blocks",
    "strategy": "simple", "start_method": "spawn",
    "scheduler_options": "#PBS -l filesystems=home",
}  # fmt: skip
QUOTES = ["\n", "'", '"', "`", "$(", ";", "\\", "\r", "\x00", "&&", "|", "%$(", "\u2028"]


def through_argument(name: str, value: Any, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    return {name: value}


def through_variable(name: str, value: Any, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    patch.setenv(f"POLARIS_PARSL_{name.upper()}", str(value).replace("\x00", "\n"))
    return {}


def through_file(name: str, value: Any, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    Path("polaris-parsl.toml").write_text(f"{name} = {json.dumps(value)}\n")
    return {}


@pytest.mark.parametrize("through", [through_argument, through_variable, through_file])
@pytest.mark.parametrize("name", [*BEGUN, "nodes_per_block", "encrypted"])
def test_no_layer_lets_a_value_put_a_line_or_a_command_into_the_job_script(
    name: str, through: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = {"account": "datascience", "address": "10.0.0.1"}
    for quote in QUOTES:
        given = through(name, f"{BEGUN.get(name, '1')}{quote}touch {MARK}", monkeypatch)
        others: dict[str, Any] = {
            key: value for key, value in usual.items() if key not in (name, "address")
        }
        others |= {} if name in ("address", "interface") else {"address": usual["address"]}
        with pytest.raises(PolarisParslError):
            job_scripts(**others, **given)
    assert {each.name for each in tmp_path.iterdir()} <= {"polaris-parsl.toml"}


@given(name=st.sampled_from([*OPTIONS]), text=HOSTILE | st.text(max_size=8))
def test_any_text_of_a_variable_gives_a_job_that_qsub_takes_or_a_refusal(
    name: str, text: str
) -> None:
    if name == "worker_init":
        return
    given = {} if name == "account" else {"account": "datascience"}
    attempt({**given, name: parse(name, text)})
