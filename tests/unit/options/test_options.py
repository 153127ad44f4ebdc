import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl import PolarisParslError, PolarisParslWarning
from polaris_parsl.configuration.workers import workers_of_node
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.resolve import resolve


def parse(**given: Any) -> ExecutorOptions:
    driver = Driver(python=Path(sys.executable), folder=Path("/"))
    (request,) = resolve({"account": "datascience", **given}, driver)
    workers_of_node(request.options)
    return request.options


def test_an_account_is_all_that_must_be_given() -> None:
    options = parse()
    assert options.account == "datascience"
    assert options.queue in polaris().queues
    assert options.nodes_per_block == 1
    assert [accelerator.gpu for accelerator in options.available_accelerators] == [0, 1, 2, 3]
    assert options.scheduler_options == "#PBS -l filesystems=home:eagle"


# Option, value, and the words of the message that tell the user what is wrong and what to do.
REFUSED: list[Any] = [
    ("account", None, ["no account", 'account="..."']),
    ("account", "YOURPROJECT", ["YOURPROJECT", "placeholder"]),
    ("account", "your_account", ["your_account", "placeholder"]),
    ("account", "proj;rm -rf /", ["proj;rm -rf /", "letters"]),
    ("account", "proj\n#PBS -q prod", ["letters"]),
    ("queue", "$(id)", ["$(id)", "letters"]),
    ("queue", 3, ["queue=3"]),
    ("label", "my label", ["my label", "letters"]),
    ("label", "a" * 171, ["171 characters", "at most 170"]),
    ("walltime", "1h", ["'1h'", "H:MM:SS"]),
    ("walltime", "60", ["'60'", "H:MM:SS", 'walltime="0:01:00"']),
    ("walltime", 3600, ["3600", "bare number", "H:MM:SS", 'walltime="1:00:00"']),
    ("walltime", 10**30, ["H:MM:SS"]),
    ("walltime", True, ["True", "H:MM:SS"]),
    ("walltime", "1:60:00:00", ["1:60:00:00", "H:MM:SS"]),
    ("walltime", "0:00:00", ["0:00:00", "longer than zero"]),
    ("walltime", timedelta(hours=-1), ["longer than zero"]),
    ("walltime", timedelta(seconds=90.5), ["whole number of seconds"]),
    ("walltime", "10000:00:00", ["'10000:00:00'", "at most 9999:59:59"]),
    ("walltime", "1:00:00\n", ["H:MM:SS"]),
    ("nodes_per_block", 0, ["nodes_per_block=0", "from 1 to 560"]),
    ("nodes_per_block", 561, ["nodes_per_block=561", "from 1 to 560"]),
    ("nodes_per_block", "3", ["'3'", "whole number"]),
    ("nodes_per_block", True, ["True", "whole number"]),
    ("nodes_per_block", 2.0, ["2.0", "whole number"]),
    ("cpus_per_node", 128, ["cpus_per_node=128", "from 1 to 64"]),
    ("available_accelerators", 5, ["=5", "0 to 4"]),
    ("available_accelerators", "4", ["'4'", "0 to 4"]),
    ("available_accelerators", [0, 4], ["[0, 4]", "[0, 1, 2, 3]"]),
    ("available_accelerators", ["0", 0], ["twice"]),
    ("available_accelerators", [[0]], ["[[0]]", "[0, 1, 2, 3]"]),
    ("available_accelerators", [True], ["[True]", "[0, 1, 2, 3]"]),
    ("cores_per_worker", 0, ["cores_per_worker=0", "0.01 to 64"]),
    ("cores_per_worker", 5e-324, ["5e-324", "0.01 to 64"]),
    ("cores_per_worker", float("nan"), ["nan", "0.01 to 64"]),
    ("max_idletime", 10**400, ["max_idletime=0x", "out of range"]),
    ("cores_per_worker", 17, ["cores_per_worker=17", "64", "at most cores_per_worker=16"]),
    ("scheduler_options", "-l filesystems=home", ["not a PBS directive", "#PBS "]),
    (
        "scheduler_options",
        "#PBS -l place=scatter",
        ["filesystems", "#PBS -l filesystems=home:eagle"],
    ),
    ("scheduler_options", "#PBS -l filesystems=home\nrm -rf /", ["rm -rf /"]),
    ("worker_init", 5, ["worker_init=5", "text"]),
    ("worker_init", "echo \udcff", ["shell text", "UTF-8"]),
    ("run_dir", "/eagle/my project", ["/eagle/my project", "letters"]),
    ("run_dir", "/eagle/a:b", ["/eagle/a:b"]),
    ("run_dir", "/eagle/$(id)", ["letters"]),
    ("run_dir", "", ["path"]),
    ("run_dir", "~no-such-user/runs", ["~no-such-user", "in full"]),
    ("run_dir", f"{__file__}/runs", [__file__, "is a file"]),
    ("run_dir", f"/{'a' * 256}", ["File name too long", "shorter"]),
    ("run_dir", "/a" * 2000, ["File name too long", "shorter"]),
    ("launcher", "srun", ["'srun'", "'mpiexec' or 'gnu_parallel'"]),
    ("start_method", "fork", ["'fork'", "spawned", "leave start_method out"]),
    ("init_blocks", -1, ["init_blocks=-1", "from 0 to 560"]),
    ("max_blocks", 0, ["max_blocks=0", "from 1 to 560"]),
    ("init_blocks", 2, ["init_blocks=2", "max_blocks=1", "rising"]),
    ("min_blocks", 2, ["min_blocks=2", "rising"]),
    ("retries", -1, ["retries=-1"]),
    ("heartbeat_period", 200, ["heartbeat_period=200", "120"]),
    ("encrypted", "no", ["'no'", "True nor False"]),
    ("address", "polaris-login-01", ["polaris-login-01", "IP address"]),
    ("address", "127.0.0.1", ["127.0.0.1", "loopback address", "cannot reach it"]),
    ("address", "0.0.0.0", ["0.0.0.0", "no single node"]),
    ("address", "fe80::1%$(id)", ["fe80::1%$(id)", "IP address"]),
    ("address", 5, ["address=5", "IP address"]),
    ("cmd_timeout", 10**30, ["cmd_timeout=0x", "to 35999999"]),
    ("interface", 7, ["interface=7", "bond0"]),
    ("nodes_per_blok", 3, ["nodes_per_blok", "did you mean nodes_per_block?"]),
    ("colour", "red", ["colour", "use one of: account"]),
    ("max_workers", 4, ["max_workers", "available_accelerators"]),
    ("checkpoint_files", [], ["checkpoint_files", "run_dir"]),
    ("cpu_affinity", "block", ["cpu_affinity", "follows from the workers"]),
    ("mode", "local", ["'local'", "'inside_job'"]),
    ("mode", "inside_job", ["not a PBS job", "PBS_NODEFILE"]),
    ("mode", "sandbox", ["not the sandbox", "polaris-parsl sandbox"]),
    ("workers_per_gpu", 17, ["workers_per_gpu=17", "1 to 16"]),
    ("gpus_per_worker", 3, ["gpus_per_worker=3", "4 GPUs"]),
    (
        "max_workers_per_node",
        5,
        ["max_workers_per_node=5", "available_accelerators=4", "4 workers"],
    ),
    ("max_workers_per_block", 2, ["2 MPI tasks", "nodes_per_block=1"]),
    ("drain_period", 3600, ["3600 s", "walltime='1:00:00'"]),
    ("drain_period", "600", ["'600'", "whole number"]),
    ("strategy", "smple", ["'smple'", "'htex_auto_scale'"]),
    ("usage_tracking", 4, ["usage_tracking=4", "0 to 3"]),
    ("executors", {}, ["executors={}", "options that differ"]),
    ("executors", ["gpu"], ["executors=['gpu']"]),
    ("executors", {"a": {"retries": 1}}, ["retries", "whole run"]),
    ("executors", {"a": {"queu": "debug"}}, ["executors['a']", "did you mean queue?"]),
    ("executors", {"a b": {}}, ["'a b'", "letters"]),
]


@pytest.mark.parametrize(("name", "value", "words"), REFUSED)
def test_a_value_that_cannot_work_is_refused_with_value_limit_and_remedy(
    name: str, value: Any, words: list[str]
) -> None:
    with pytest.raises(OptionError) as refusal:
        parse(**{name: value})
    assert isinstance(refusal.value, PolarisParslError)
    assert "\n  fix: " in str(refusal.value)
    for piece in words:
        assert piece in str(refusal.value)


@pytest.mark.parametrize(
    "value", ["1:30:00", "01:30:00", "0:90:00", "90:00", timedelta(minutes=90)]
)
def test_a_walltime_is_taken_as_pbs_reads_it_or_as_a_timedelta(value: Any) -> None:
    assert parse(walltime=value).walltime == timedelta(minutes=90)


def test_address_and_interface_exclude_each_other() -> None:
    with pytest.raises(OptionError, match="give one of the two"):
        parse(address="10.0.0.1", interface="bond0")


def test_a_run_that_would_never_ask_for_a_block_is_refused() -> None:
    with pytest.raises(OptionError, match="no task would ever run"):
        parse(strategy="none", init_blocks=0)
    assert parse(strategy="none").init_blocks == 1


def test_gpus_can_be_chosen_by_number() -> None:
    chosen = parse(available_accelerators=["3", 1]).available_accelerators
    assert [(accelerator.gpu, accelerator.cpus) for accelerator in chosen] == [
        (3, "0-7,32-39"),
        (1, "16-23,48-55"),
    ]


def test_blank_lines_and_indentation_of_scheduler_options_do_not_matter() -> None:
    given = "\n  #PBS -l filesystems=home:eagle\n\n  #PBS -l place=scatter\n"
    assert parse(scheduler_options=given).scheduler_options == (
        "#PBS -l filesystems=home:eagle\n#PBS -l place=scatter"
    )


def test_run_dir_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(run_dir="runs").run_dir == tmp_path / "runs"


def test_the_placeholder_environment_of_the_page_gets_a_warning() -> None:
    text = "source /path/to/your/virtualenv/bin/activate; cd /eagle/run"
    with pytest.warns(PolarisParslWarning, match="leave worker_init out"):
        assert parse(worker_init=text).worker_init == text


def test_workers_are_spawned_unless_they_are_to_be_forked_from_a_process_of_their_own() -> None:
    assert parse(start_method="forkserver").value("start_method") == "forkserver"
    assert parse().value("start_method") == "spawn"
