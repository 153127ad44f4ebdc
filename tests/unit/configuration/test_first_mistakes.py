"""What new users give first: each is refused, taken or gets a warning, before anything is submitted."""

import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl import config
from polaris_parsl.errors import OptionError, PolarisParslWarning
from published.building import pretended

ACCOUNT: dict[str, Any] = {"account": "demo"}


class Int64:
    """An integer that is no int, as numpy's."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


@pytest.fixture(autouse=True)
def on_a_login_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "polaris-login-01")
    monkeypatch.chdir("/home")


def build(**options: Any) -> Any:
    with pretended(0):
        return config(**{**ACCOUNT, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interface": "lo"}, "interface='lo' is the loopback interface"),
        ({"account": "PROJECT"}, "account='PROJECT' is the placeholder"),
        ({"run_dir": "/tmp/run"}, "lies below /tmp, which each node has for itself"),
        ({"run_dir": "/local/scratch/run"}, "lies below /local/scratch"),
        ({"run_dir": "/lus/grand/projects/demo"}, "lies on the filesystem 'grand'"),
        ({"run_dir": "/grand/demo"}, "lies on the filesystem 'grand'"),
        (
            {"run_dir": "/eagle/demo", "scheduler_options": "#PBS -l filesystems=home"},
            "lies on the filesystem 'eagle', and scheduler_options asks for home",
        ),
        ({"label": "x", "executors": {"a": {}}}, "label='x' is given beside executors"),
        ({"worker_init": "if true; then"}, "not shell text that bash reads"),
        ({"worker_init": "echo 'x"}, "not shell text that bash reads"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        build(**options)


def test_the_sandbox_refuses_what_workers_on_polaris_could_not_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pretended(0):
        monkeypatch.setenv("POLARIS_PARSL_SANDBOX", "1")
        with pytest.raises(OptionError, match="interface='lo' is the loopback interface"):
            config(**ACCOUNT, interface="lo")


@pytest.mark.parametrize(
    "options",
    [
        {"run_dir": "/eagle/demo/run"},
        {"run_dir": "/lus/eagle/projects/demo/run"},
        {"walltime": "0:60:00"},
        {"nodes_per_block": Int64(2), "available_accelerators": Int64(2)},
        {"available_accelerators": [Int64(0), Int64(3)]},
        {"available_accelerators": 0, "cores_per_worker": Fraction(2)},
        {"queue": "HandsOnHPC", "unlisted_queue": True},
        {"worker_init": "if true; then\n  export A=1\nfi"},
    ],
)
def test_what_can_work_is_taken(options: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PolarisParslWarning)
        build(**options)


@pytest.mark.parametrize("half", ["PBS_JOBID", "PBS_NODEFILE"])
def test_half_a_job_asks_for_no_others(half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pretended(0):
        monkeypatch.setenv(half, "1.pbs")
        with pytest.raises(OptionError, match=f"{half} is set, as in a job, and"):
            config(**ACCOUNT)
        assert config(**ACCOUNT, mode="blocks").executors


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ACCOUNTS", "POLARIS_PARSL_ACCOUNT"),
        ("QUE", "POLARIS_PARSL_QUEUE"),
        ("NODES", "nodes_per_block"),
    ],
)
def test_a_misspelt_variable_gets_a_warning(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pretended(0):
        monkeypatch.setenv(f"POLARIS_PARSL_{name}", "2")
        with pytest.warns(
            PolarisParslWarning, match=f"{name} is set and stands for no option.*{words}"
        ):
            config(**ACCOUNT)


@pytest.mark.parametrize("kind", ["directory", "dangling link"])
def test_a_file_of_options_that_is_none_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "polaris-parsl.toml"
    if kind == "directory":
        file.mkdir()
    else:
        file.symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        OptionError, match=r"polaris-parsl\.toml is not readable as a file of options"
    ):
        build()
