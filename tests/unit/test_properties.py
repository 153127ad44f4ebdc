"""Whatever is asked for: a job that the sandbox's qsub takes, or a refusal; nothing else."""

import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from polaris_parsl import PolarisParslError, PolarisParslWarning
from polaris_parsl.facts import polaris
from polaris_parsl.jobscript import JobScript, job_scripts
from polaris_parsl.options import option_checks
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
ANYTHING = st.one_of(
    HOSTILE, st.text(max_size=8), st.integers(-3, 700), st.floats(), st.booleans(), st.none(),
    st.lists(st.integers(-1, 5), max_size=5),
)  # fmt: skip
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
    "address": st.sampled_from(["127.0.0.1", "10.0.0.1", "::1", "login"]),
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
        scripts = job_scripts(**{"address": "127.0.0.1", **asked})
    except PolarisParslError:
        event("refused")
        return
    event("accepted")
    for script in scripts:
        if not any(asked.get(name) == "R123456" for name in ("queue",)):
            check_as_qsub(script)


@settings(max_examples=300, deadline=None)
@given(st.fixed_dictionaries({}, optional=LIKELY))
def test_likely_options_give_a_job_that_qsub_takes_or_a_refusal(asked: dict[str, Any]) -> None:
    attempt({"account": "datascience", **asked})


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from([*option_checks(), "executors"]),
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
@settings(max_examples=150, deadline=None)
def test_any_table_of_executors_gives_jobs_that_qsub_takes_or_a_refusal(
    executors: dict[str, Any],
) -> None:
    attempt({"account": "datascience", "queue": "preemptable", "executors": executors})


@pytest.mark.parametrize("name", ["account", "queue", "scheduler_options", "run_dir", "label"])
@pytest.mark.parametrize("quote", ["\n", "'", '"', "`", "$(", ";", "\\", "\r", "\x00", "&&", "|"])
def test_a_value_that_would_put_a_line_or_a_command_into_the_job_script_is_refused(
    name: str, quote: str
) -> None:
    texts = {"scheduler_options": "#PBS -l filesystems=home", "run_dir": str(Path("/eagle/x"))}
    value = f"{texts.get(name, 'a')}{quote}touch {MARK}"
    with pytest.raises(PolarisParslError):
        job_scripts(**{"account": "datascience", "address": "127.0.0.1", name: value})
