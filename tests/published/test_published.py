"""What others have published for Polaris is a call of five lines at most here, field by field."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parsl.config import Config
from parsl.dataflow.memoization import BasicMemoizer
from parsl.executors import MPIExecutor
from parsl.jobs.error_handlers import noop_error_handler

from published.building import ADDRESSES, build, calls, lines_of, read

PUBLISHED = read()
EVERYWHERE = PUBLISHED.pop("everywhere")
ROWS = {1, 2, 3, 5, 8, 10, 13, 15, 17, 18, 22, 23, 27}


def memoizer(config: Config) -> BasicMemoizer:
    assert isinstance(config.memoizer, BasicMemoizer)
    return config.memoizer


# How a field is read from what Parsl is handed.
FIELDS: dict[str, Callable[[Config, Any], Any]] = {
    "executor": lambda _, executor: (
        "MPIExecutor" if isinstance(executor, MPIExecutor) else "HighThroughputExecutor"
    ),
    "provider": lambda _, executor: type(executor.provider).__name__,
    "launcher": lambda _, executor: type(executor.provider.launcher).__name__,
    "bind_cmd": lambda _, executor: executor.provider.launcher.bind_cmd,
    "overrides": lambda _, executor: executor.provider.launcher.overrides,
    "queue": lambda _, executor: executor.provider.queue,
    "walltime": lambda _, executor: executor.provider.walltime,
    "nodes": lambda _, executor: executor.provider.nodes_per_block,
    "cpus_per_node": lambda _, executor: executor.provider.cpus_per_node,
    "select_options": lambda _, executor: executor.provider.select_options,
    "filesystems": lambda _, executor: resource("filesystems", executor),
    "place": lambda _, executor: resource("place", executor),
    "init_blocks": lambda _, executor: executor.provider.init_blocks,
    "min_blocks": lambda _, executor: executor.provider.min_blocks,
    "max_blocks": lambda _, executor: executor.provider.max_blocks,
    "cmd_timeout": lambda _, executor: executor.provider.cmd_timeout,
    "accelerators": lambda _, executor: len(executor.available_accelerators),
    "workers": lambda _, executor: (
        executor.max_workers_per_block
        if isinstance(executor, MPIExecutor)
        else executor.max_workers_per_node
    ),
    "cores_per_worker": lambda _, executor: executor.cores_per_worker,
    "cpu_affinity": lambda _, executor: executor.cpu_affinity,
    "heartbeat_period": lambda _, executor: executor.heartbeat_period,
    "heartbeat_threshold": lambda _, executor: executor.heartbeat_threshold,
    "prefetch_capacity": lambda _, executor: executor.prefetch_capacity,
    "worker_debug": lambda _, executor: executor.worker_debug,
    "encrypted": lambda _, executor: executor.encrypted,
    "address_probe_timeout": lambda _, executor: executor.address_probe_timeout,
    "block_error_handler": lambda _, executor: (
        executor.block_error_handler is not noop_error_handler
    ),
    "interfaces": lambda _, executor: [
        name for name, address in ADDRESSES.items() if address in executor.all_addresses
    ],
    "mps": lambda _, executor: "every node" if "with_mps.sh" in executor.launch_cmd else "no node",
    "retries": lambda config, _: config.retries,
    "strategy": lambda config, _: config.strategy,
    "max_idletime": lambda config, _: config.max_idletime,
    "usage_tracking": lambda config, _: config.usage_tracking,
    "monitoring": lambda config, _: config.monitoring is not None,
    "checkpoint_mode": lambda config, _: memoizer(config).checkpoint_mode,
    "app_cache": lambda config, _: memoizer(config).memoize,
    "tmpdir": lambda _, executor: exported("TMPDIR", executor),
    "tasks_start_in": lambda config, executor: (
        "run_dir" if executor.launch_cmd.startswith(f"cd {config.run_dir} &&") else "HOME"
    ),
    "environment": lambda _, executor: (
        "the driver's"
        if exported("PATH", executor) == f"{Path(sys.executable).parent}:$PATH"
        and sys.executable in executor.launch_cmd
        else "another"
    ),
}


def resource(name: str, executor: Any) -> str:
    found = re.search(rf"-l {name}=(\S+)", executor.provider.scheduler_options)
    return found[1] if found else ""


def exported(name: str, executor: Any) -> str | None:
    found = re.search(rf"^export {name}=(.*)$", executor.provider.worker_init, re.MULTILINE)
    return found[1] if found else None


def field(name: str, config: Config, label: str) -> Any:
    """The value of a field in the configuration; "none" without the executor."""
    executors = {executor.label: executor for executor in config.executors}
    return FIELDS[name](config, executors[label]) if label in executors else "none"


def published_values(row: str) -> dict[tuple[str, str], Any]:
    """All fields of a row, by label and name."""
    tables = {label: table for label, table in PUBLISHED[row].items() if isinstance(table, dict)}
    return {
        (label, name): value for label, table in tables.items() for name, value in table.items()
    }


@pytest.mark.parametrize("row", PUBLISHED)
def test_each_field_comes_out_as_published_or_differs_for_a_stated_reason(row: str) -> None:
    config = build(row)
    wrong = {}
    for (label, name), value in published_values(row).items():
        if isinstance(value, dict):
            expected = [value["here"]]
        else:
            expected = [value, EVERYWHERE.get(name, {}).get("here", value)]
        found = field(name, config, label)
        if name == "walltime":  # 00:10:00 and 0:10:00 are one length
            expected = [str(each).zfill(8) for each in expected]
            found = str(found).zfill(8)
        if found not in expected:
            wrong[label, name] = f"{found!r} instead of {expected[0]!r}"
    assert not wrong


@pytest.mark.parametrize("row", PUBLISHED)
def test_no_executor_comes_out_that_was_not_published(row: str) -> None:
    assert {executor.label for executor in build(row).executors} <= {
        label for label, _ in published_values(row)
    }


@pytest.mark.parametrize("row", PUBLISHED)
def test_a_call_has_five_lines_at_most(row: str) -> None:
    assert 1 <= lines_of(row) <= 5


@pytest.mark.parametrize("row", PUBLISHED)
def test_a_stated_difference_is_one_and_has_a_reason(row: str) -> None:
    assert PUBLISHED[row]["where"]
    for value in published_values(row).values():
        if isinstance(value, dict):
            assert value["published"] != value["here"]
            assert value["why"]


def test_what_differs_everywhere_differs_somewhere() -> None:
    for name, difference in EVERYWHERE.items():
        assert difference["why"]
        assert any(
            value != difference["here"] and not isinstance(value, dict)
            for row in PUBLISHED
            for (_, field_name), value in published_values(row).items()
            if field_name == name
        )


def test_all_rows_and_both_texts_of_the_page_are_there() -> None:
    assert calls().keys() == PUBLISHED.keys()
    numbers = {int(row.split("_")[1]) for row in PUBLISHED if row.startswith("row_")}
    assert numbers == ROWS
    assert sum(row.startswith("page_") for row in PUBLISHED) == 2
