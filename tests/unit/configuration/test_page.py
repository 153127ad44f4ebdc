"""The configuration of ALCF's page "Parsl on Polaris", old and new.

PAGE_USER_OPTS is the page's dictionary of 2023 as printed, but for the two values
that the page tells its reader to put in: the project and the run directory.
"""

from pathlib import Path
from typing import Any

import pytest
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import MpiExecLauncher
from parsl.providers import PBSProProvider
from parsl.utils import get_all_checkpoints

import polaris_parsl


def page_user_opts(run_dir: Path) -> dict[str, Any]:
    return {
        "worker_init": f"source /path/to/your/virtualenv/bin/activate; cd {run_dir}",
        "scheduler_options": "#PBS -l filesystems=home:eagle:grand",
        "account": "datascience",
        "queue": "debug-scaling",
        "walltime": "1:00:00",
        "nodes_per_block": 3,
        "cpus_per_node": 32,
        "available_accelerators": 4,
        "cores_per_worker": 8,
    }


def page_provider(user_opts: dict[str, Any]) -> PBSProProvider:
    return PBSProProvider(
        launcher=MpiExecLauncher(bind_cmd="--cpu-bind", overrides="--depth=64 --ppn 1"),
        account=user_opts["account"],
        queue=user_opts["queue"],
        select_options="ngpus=4",
        scheduler_options=user_opts["scheduler_options"],
        worker_init=user_opts["worker_init"],
        nodes_per_block=user_opts["nodes_per_block"],
        init_blocks=1,
        min_blocks=0,
        max_blocks=1,
        cpus_per_node=user_opts["cpus_per_node"],
        walltime=user_opts["walltime"],
    )


def page_executor(user_opts: dict[str, Any], **more: Any) -> HighThroughputExecutor:
    return HighThroughputExecutor(
        label="htex",
        heartbeat_period=15,
        heartbeat_threshold=120,
        worker_debug=True,
        available_accelerators=user_opts["available_accelerators"],
        cores_per_worker=user_opts["cores_per_worker"],
        # the page asks for the interface bond0, which few machines that run tests have
        address="10.0.0.1",
        cpu_affinity="block-reverse",
        prefetch_capacity=0,
        provider=page_provider(user_opts),
        **more,
    )


def test_the_executor_of_the_page_fails_because_parsl_has_no_start_method(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'start_method'"):
        page_executor(page_user_opts(tmp_path), start_method="spawn")


def test_without_it_the_page_fails_because_checkpoint_files_left_config(tmp_path: Path) -> None:
    executor = page_executor(page_user_opts(tmp_path))
    with pytest.raises(TypeError, match="unexpected keyword argument 'checkpoint_files'"):
        Config(  # type: ignore[call-arg] # as the page calls it
            executors=[executor],
            checkpoint_files=get_all_checkpoints(str(tmp_path)),
            run_dir=str(tmp_path),
            checkpoint_mode="task_exit",
            retries=2,
            app_cache=True,
        )


@pytest.mark.parametrize("more", [{}, {"start_method": "spawn"}])
def test_config_takes_the_same_dictionary(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.warns(polaris_parsl.PolarisParslWarning):
        config = polaris_parsl.config(
            **page_user_opts(tmp_path), run_dir=tmp_path, address="10.0.0.1", **more
        )
    (executor,) = config.executors
    assert isinstance(executor, HighThroughputExecutor)
    page = page_executor(page_user_opts(tmp_path))
    for name in (
        "label", "heartbeat_period", "heartbeat_threshold", "available_accelerators",
        "cores_per_worker", "address", "prefetch_capacity",
    ):  # fmt: skip
        assert getattr(executor, name) == getattr(page, name), name
    provider = executor.provider
    assert isinstance(provider, PBSProProvider)
    for name in (
        "account", "queue", "walltime", "nodes_per_block", "cpus_per_node", "select_options",
        "scheduler_options", "init_blocks", "min_blocks", "max_blocks",
    ):  # fmt: skip
        assert getattr(provider, name) == getattr(page.provider, name), name
    assert page_user_opts(tmp_path)["worker_init"] in provider.worker_init
    assert config.retries == 2
    assert config.run_dir == str(tmp_path)


def test_the_placeholder_project_of_the_page_is_refused(tmp_path: Path) -> None:
    user_opts = page_user_opts(tmp_path) | {"account": "YOURPROJECT"}
    with pytest.raises(polaris_parsl.PolarisParslError, match="placeholder"):
        polaris_parsl.config(**user_opts)
