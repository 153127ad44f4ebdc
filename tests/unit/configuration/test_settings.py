import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.configuration.image import ImageChoice
from polaris_parsl.configuration.settings import ExecutorSettings, executor_settings, values
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions

NODE_SCRIPTS = Path(sys.modules[ExecutorSettings.__module__].__file__ or "").parent / "node"


def settings(mode: str = "blocks", **given: Any) -> ExecutorSettings:
    options = ExecutorOptions.parse(
        {"account": "datascience", "run_dir": "/eagle/runs", "mode": mode, **given},
        nodes=("n1", "n2") if mode == "inside_job" else (),
    )
    return executor_settings(options, Driver(python=Path(sys.executable)), ["127.0.0.1"])


def test_workers_that_share_a_gpu_start_under_mps_on_every_node() -> None:
    command = settings(workers_per_gpu=2).executor["launch_cmd"].value
    mps = polaris().node.mps
    start = ["sh", str(NODE_SCRIPTS / "with_mps.sh"), mps.pipe_directory, mps.log_directory, "--"]
    assert shlex.split(command)[4:10] == [*start, sys.executable]
    # it goes through an unquoted here document of Parsl's
    assert "$" not in command
    assert "`" not in command


@pytest.mark.parametrize(
    "given", [{}, {"gpus_per_worker": 2}, {"available_accelerators": 0, "cores_per_worker": 2}]
)
def test_workers_that_share_no_gpu_start_without_mps(given: dict[str, Any]) -> None:
    assert "mps" not in settings(**given).executor["launch_cmd"].value


def test_inside_a_job_nothing_is_asked_of_pbs() -> None:
    found = settings("inside_job", nodes_per_block=2)
    assert found.provider_kind == "local"
    assert not {"account", "queue", "walltime", "scheduler_options"} & found.provider.keys()
    assert "n1 n2" in found.provider["worker_init"].value


def test_mpi_tasks_run_under_parsls_mpi_executor_and_find_a_wrapper_for_their_ranks() -> None:
    found = settings(nodes_per_block=4, max_workers_per_block=2)
    assert (found.executor_kind, found.launcher_kind) == ("mpi", "simple")
    arguments = values(found.executor)
    assert arguments["max_workers_per_block"] == 2
    assert "cpu_affinity" not in arguments
    worker_init = found.provider["worker_init"].value
    assert f"export POLARIS_PARSL_RANK='sh {NODE_SCRIPTS / 'rank.sh'}'" in worker_init
    pairs = " ".join(f"{each.gpu}:{each.cpus}" for each in polaris().node.accelerators)
    assert f"export POLARIS_PARSL_GPU_CPUS='{pairs}'" in worker_init


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_the_wrapper_is_found_in_a_prefix_with_blanks_and_other_odd_characters(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "a prefix  [of] *two*"
    odd.mkdir()
    (odd / "rank.sh").write_text('echo "$@"')
    monkeypatch.setattr(
        "polaris_parsl.configuration.settings.node_script", lambda _: odd / "rank.sh"
    )
    found = settings(nodes_per_block=4, max_workers_per_block=2)
    lines = found.provider["worker_init"].value.splitlines()
    (line,) = (each for each in lines if "POLARIS_PARSL_RANK=" in each)
    script = f"{line}\n$POLARIS_PARSL_RANK run 'a b'"
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("run a b\n", "")


def test_mpi_tasks_on_cpus_get_no_wrapper_for_gpus() -> None:
    found = settings(nodes_per_block=2, max_workers_per_block=1, available_accelerators=0)
    assert "POLARIS_PARSL_RANK" not in found.provider["worker_init"].value


def test_tasks_start_in_start_dir_and_find_the_modules_beside_the_script(tmp_path: Path) -> None:
    assert settings().executor["launch_cmd"].value.startswith("cd /eagle/runs && exec ")
    options = ExecutorOptions.parse(
        {"account": "datascience", "run_dir": "/eagle/runs", "start_dir": tmp_path}
    )
    driver = Driver(python=Path(sys.executable), beside=Path("/eagle/my scripts"))
    setting = executor_settings(options, driver, ["127.0.0.1"]).executor["launch_cmd"]
    words = shlex.split(setting.value)
    assert words[:2] == ["cd", str(tmp_path)]
    at = words.index(str(NODE_SCRIPTS / "start.py"))
    pool = "polaris_parsl.configuration.parsl_internals.worker_pool"
    assert words[at + 1 : at + 5] == ["-", "/eagle/my scripts", "--", pool]
    assert "tasks start in start_dir; modules in /eagle/my scripts are found" in setting.why


def test_a_start_dir_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"start_dir is '.*', which is not there"):
        settings(start_dir=tmp_path / "nowhere")


def test_workers_start_from_the_disks_of_their_nodes_unless_stage_is_false(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = ImageChoice(
        Path("/eagle/v/workers.image"), "", Path("/eagle/v/workers.tar.gz"), "0" * 64
    )
    for module in ("settings", "on_node"):
        monkeypatch.setattr(f"polaris_parsl.configuration.{module}.choose_image", lambda: files)
    staged, shared = settings(), settings(stage=False)
    command = staged.executor["launch_cmd"].value
    assert f"exec sh {NODE_SCRIPTS / 'stage.sh'} /eagle/v/workers.tar.gz {'0' * 64} " in command
    assert f"{polaris().node.local_scratch}=" in command
    assert "POLARIS_PARSL_IDENTITY=$(" in staged.provider["worker_init"].value
    assert "each node has a copy on its own disk" in staged.executor["launch_cmd"].why
    assert "stage.sh" not in shared.executor["launch_cmd"].value
    assert "POLARIS_PARSL_IDENTITY" not in shared.provider["worker_init"].value
