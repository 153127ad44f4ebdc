"""Published configurations, as Parsl's own calls, become calls of ours that build the same."""

import warnings
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl import PolarisParslError, PolarisParslWarning
from polaris_parsl.adopt.python_file import NODES_OF_PRETENDED_JOB, ParslCall, Recording
from polaris_parsl.adopt.translate import translate
from published.building import pretended, read

ROWS = {name: row for name, row in read().items() if name != "everywhere"}
# Fields of published.toml under Parsl's names, by the class that takes them.
OF_THE_PROVIDER = {
    "queue": "queue", "walltime": "walltime", "cpus_per_node": "cpus_per_node",
    "init_blocks": "init_blocks", "min_blocks": "min_blocks", "max_blocks": "max_blocks",
    "cmd_timeout": "cmd_timeout", "select_options": "select_options", "nodes": "nodes_per_block",
}  # fmt: skip
OF_THE_EXECUTOR = {
    "heartbeat_period": "heartbeat_period", "heartbeat_threshold": "heartbeat_threshold",
    "prefetch_capacity": "prefetch_capacity", "worker_debug": "worker_debug",
    "encrypted": "encrypted", "address_probe_timeout": "address_probe_timeout",
    "cores_per_worker": "cores_per_worker", "cpu_affinity": "cpu_affinity",
    "accelerators": "available_accelerators", "block_error_handler": "block_error_handler",
}  # fmt: skip
OF_THE_RUN = {name: name for name in ("retries", "max_idletime", "usage_tracking", "strategy")}
NOT_ASKED_INSIDE_A_JOB = ("queue", "walltime", "cpus_per_node", "select_options")
# The fields that are compared; the others differ on purpose, or belong to PBS.
COMPARED = {
    "queue", "walltime", "cpus_per_node", "init_blocks", "max_blocks", "heartbeat_period",
    "heartbeat_threshold", "prefetch_capacity", "worker_debug", "encrypted",
    "address_probe_timeout", "cores_per_worker",
}  # fmt: skip


def published(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value["published"] if isinstance(value, dict) else value
        for name, value in table.items()
    }


def some(fields: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {theirs: fields[ours] for ours, theirs in names.items() if ours in fields}


def executor_of(label: str, fields: dict[str, Any], *, inside: bool, alone: bool) -> ParslCall:
    launcher = ParslCall(
        str(fields.get("launcher", "SingleNodeLauncher")),
        4,
        (),
        some(fields, {"bind_cmd": "bind_cmd", "overrides": "overrides"}),
    )
    provider = some(fields, OF_THE_PROVIDER) | {"launcher": launcher}
    if inside:
        for name in NOT_ASKED_INSIDE_A_JOB:
            provider.pop(name, None)
        # a single executor takes all nodes of whatever job it is in
        provider |= {"nodes_per_block": NODES_OF_PRETENDED_JOB} if alone else {}
    else:
        lines = [f"#PBS -l filesystems={fields.get('filesystems', '')}"]
        provider |= {"account": "datascience", "scheduler_options": "\n".join(lines)}
    workers = "max_workers_per_block" if fields.get("executor") == "MPIExecutor" else "max_workers"
    more = {workers: fields["workers"]} if "workers" in fields else {}
    return ParslCall(
        str(fields.get("executor", "HighThroughputExecutor")),
        3,
        (),
        some(fields, OF_THE_EXECUTOR) | more | {"provider": ParslCall(fields["provider"], 4, (), provider)},
    )  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_call_builds_what_was_published_or_a_finding_says_why_not(row: str) -> None:
    job_nodes = ROWS[row].get("job_nodes", 0)
    tables = {label: published(t) for label, t in ROWS[row].items() if isinstance(t, dict)}
    tables = {label: table for label, table in tables.items() if "provider" in table}
    executors = [
        executor_of(label, table, inside=bool(job_nodes), alone=len(tables) == 1)
        for label, table in tables.items()
    ]
    run = some(next(iter(tables.values())), OF_THE_RUN)
    (found,) = translate(
        Recording((ParslCall("Config", 2, (), {**run, "executors": executors}),), ())
    )
    findings = " ".join(each.text for each in found.findings)
    with pretended(job_nodes), warnings.catch_warnings():
        warnings.simplefilter("ignore", PolarisParslWarning)
        try:
            config = polaris_parsl.config(**found.options)
        except PolarisParslError as error:
            refusal = error.problem
        else:
            refusal = ""
    if refusal:
        # mofa's executors overlap on nodes, which no single executor shows
        nodes = sum(table.get("nodes", 0) for table in tables.values())
        assert refusal.split(",")[0] in findings or nodes > job_nodes > 0
        return
    for made, table in zip(config.executors, tables.values(), strict=True):
        for name in COMPARED & table.keys():
            theirs = (OF_THE_PROVIDER | OF_THE_EXECUTOR)[name]
            holder: Any = made.provider if name in OF_THE_PROVIDER else made  # type: ignore[attr-defined]
            if not hasattr(holder, theirs):
                continue  # inside a job nothing is requested from PBS
            value, expected = getattr(holder, theirs), table[name]
            if name == "walltime":  # 00:30:00 is 0:30:00
                value, expected = value.lstrip("0"), expected.lstrip("0")
            assert value == expected or theirs in findings, name
