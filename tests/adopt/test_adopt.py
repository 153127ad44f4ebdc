"""`adopt` finds the configuration of a file without doing what the file does."""

import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from parsl.config import Config

import polaris_parsl
from polaris_parsl.adopt.reading import adopt, call_text
from polaris_parsl.adopt.translate import Adopted
from polaris_parsl.cli.adopt import adopt as adopt_verb
from polaris_parsl.errors import AdoptError

FILES = Path(__file__).with_name("files")


def adopt_file(file: Path, **given: object) -> Adopted:
    (found,) = adopt(file, given, os.environ)
    return found


def adopt_text(folder: Path, text: str, **given: object) -> Adopted:
    file = folder / "some_workflow.py"
    file.write_text(text)
    return adopt_file(file, **given)


def built(call: str) -> Config:
    config: Config = eval(call, {"polaris_parsl": polaris_parsl})
    return config


def test_the_call_builds_what_the_file_builds() -> None:
    found = adopt_file(FILES / "good.py")
    assert not found.findings
    theirs = runpy.run_path(str(FILES / "good.py"))["config"]
    ours = built(call_text(found.options))
    for name in ("retries", "run_dir", "max_idletime", "strategy", "usage_tracking"):
        assert getattr(ours, name) == getattr(theirs, name), name
    executors: list[tuple[Any, Any]] = list(zip(ours.executors, theirs.executors, strict=True))
    ((mine, other),) = executors
    for name in (
        "label", "heartbeat_period", "heartbeat_threshold", "drain_period", "available_accelerators",
        "cores_per_worker", "cpu_affinity", "address", "prefetch_capacity", "encrypted",
        "max_workers_per_node", "workers_per_node", "worker_debug",
    ):  # fmt: skip
        assert getattr(mine, name) == getattr(other, name), name
    for name in (
        "account", "queue", "select_options", "scheduler_options", "nodes_per_block", "walltime",
        "cpus_per_node", "init_blocks", "min_blocks", "max_blocks", "cmd_timeout",
    ):  # fmt: skip
        expected = getattr(other.provider, name)
        assert getattr(mine.provider, name) == ("2:00:00" if name == "walltime" else expected), name
    assert vars(mine.provider.launcher) == vars(other.provider.launcher)
    assert "export OMP_PROC_BIND=close" in mine.provider.worker_init


def test_a_file_that_starts_work_is_only_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "inside.py"
    file.write_text((FILES / "inside.py").read_text())
    monkeypatch.chdir(tmp_path)
    found = adopt_file(file, run_dir=str(tmp_path / "run"))
    assert found.options["executors"] == {
        "gpus": {"nodes_per_block": 5, "workers_per_gpu": 2},
        "mpi": {"nodes_per_block": 2, "max_workers_per_block": 1},
    }
    assert found.options["run_dir"] == str(tmp_path / "run")
    assert [each.name for each in tmp_path.iterdir()] == ["inside.py"]


def test_reading_a_file_prevents_its_side_effects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "acting.py"
    file.write_text((FILES / "acting.py").read_text())
    (folder / "kept").write_text("kept")
    asked = tmp_path / "asked"
    (tmp_path / "qsub").write_text(f"#!/bin/sh\necho >> {asked}\n")
    (tmp_path / "qsub").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    before = [(each.name, each.stat()) for each in sorted(folder.iterdir())]
    assert adopt_file(file).options["label"] == "done."
    # reading sets the time of access
    after = [(each.name, each.stat()) for each in sorted(folder.iterdir())]
    assert [name for name, _ in after] == ["acting.py", "kept"]
    for (_, old), (_, new) in zip(before, after, strict=True):
        assert old.st_ctime_ns == new.st_ctime_ns
    assert not asked.exists()


def test_adopt_asks_for_the_arguments_that_a_function_needs() -> None:
    with pytest.raises(AdoptError, match=r"run\(run_dir\).*\n.*NAME=VALUE"):
        adopt_file(FILES / "inside.py")


def test_a_job_script_becomes_blocks_of_its_size() -> None:
    found = adopt_file(FILES / "job.sh")
    assert not found.findings
    assert found.options == {
        "account": "datascience",
        "queue": "prod",
        "walltime": "2:30:00",
        "nodes_per_block": 10,
        "scheduler_options": "#PBS -l place=scatter\n#PBS -l filesystems=home:eagle",
        "worker_init": "export MODEL=/eagle/datascience/model",
    }


@pytest.mark.parametrize(
    ("asked", "nodes", "walltime"),
    [
        ("#PBS -l select=2+3:ncpus=8,walltime=390", 5, "0:06:30"),
        ("#PBS -l select=4\n#PBS -l select=9\n#PBS -l walltime=5:00", 4, "0:05:00"),
        ("#PBS -l select=ncpus=64 -l walltime=01:00:00", 1, "1:00:00"),
    ],
)
def test_sizes_and_times_are_read_in_all_forms_that_pbs_takes(
    tmp_path: Path, asked: str, nodes: int, walltime: str
) -> None:
    file = tmp_path / "job.sh"
    file.write_text(f"#!/bin/sh\n{asked}\n#PBS -l filesystems=home -A x -q preemptable\nhostname\n")
    options = {"nodes_per_block": 1, "walltime": "1:00:00"} | dict(adopt_file(file).options)
    assert (options["nodes_per_block"], options["walltime"]) == (nodes, walltime)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\nos.environ['NO_SUCH_NAME']\n", "environment variable NO_SUCH_NAME"),
        ("import os\nos.system('hostname')\n", "line 2: PermissionError: it tries to start"),
        ("import socket\nsocket.create_connection(('localhost', 9))\n", "open a connection"),
        ("import socket\nsocket.getaddrinfo('a.example', 9)\n", "ask for the address of a host"),
        ("import os\n1 / 0\n", "line 2: ZeroDivisionError"),
        ("import os\nos._exit(3)\n", "ended the process"),
        ("import os\n", "makes no configuration"),
        ("hello\n", "neither Python nor a PBS job script"),
        ("#PBS -l\nhostname\n", "qsub would reject"),
        (
            """from parsl import Config, HighThroughputExecutor as HTEX
from parsl.providers import SlurmProvider
Config(executors=[HTEX(provider=SlurmProvider())])
""",
            "with SlurmProvider",
        ),
    ],
)
def test_adopt_refuses_a_file_without_a_configuration_and_gives_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(AdoptError, match=message):
        adopt_text(tmp_path, text)


def test_adopt_refuses_a_file_that_it_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(AdoptError, match="cannot read"):
        adopt(tmp_path / "none.py", {}, os.environ)


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        ("export X=\"a; b\" Y='$(c)'; cd /there", "export X=\"a; b\" Y='$(c)'\ncd /there"),
        (
            "cd /there && export A=1 # a\nmodule load PrgEnv-gnu",
            "cd /there\nexport A=1 # a\nmodule load PrgEnv-gnu",
        ),
        ('export Z=\\"; cd /there', 'export Z=\\"; cd /there'),
        ("if true; then cd /there; fi", "if true; then cd /there; fi"),
        ("echo don\\'t; cd /there", "echo don\\'t; cd /there"),
    ],
)
def test_shell_text_keeps_everything_except_what_is_replaced(
    tmp_path: Path, theirs: str, kept: str
) -> None:
    text = (FILES / "good.py").read_text()
    before = '"export OMP_PROC_BIND=close; cd /eagle/datascience/run"'
    found = adopt_text(tmp_path, text.replace(before, repr(theirs)))
    assert found.options["worker_init"] == kept
    call = call_text(found.options)
    assert eval(call, {"polaris_parsl": Spy})["worker_init"] == kept


class Spy:
    """Replaces polaris_parsl, to see the options of a call."""

    @staticmethod
    def config(**options: object) -> dict[str, object]:
        return options


def test_the_document_shows_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = (FILES.parents[2] / "docs" / "adopt.md").read_text()
    example, printed, findings = re.findall(
        r"```(?:python|console|text)\n(.*?)```", document, re.DOTALL
    )[:3]
    monkeypatch.chdir(tmp_path)
    Path("old.py").write_text(example)
    command, _, printed = printed.partition("\n")
    assert command == "$ polaris-parsl adopt old.py"
    adopt_verb(Path("old.py"))
    assert capsys.readouterr() == (printed, findings)
