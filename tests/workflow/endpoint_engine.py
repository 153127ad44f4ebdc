"""Loads our template as a Globus Compute endpoint does. Runs beside globus-compute-endpoint.

python endpoint_engine.py build          the engines for [FOLDER, USER OPTIONS] pairs
python endpoint_engine.py judge          whether the schemas let such pairs through
python endpoint_engine.py run FOLDER     start the engine without Globus, and look at its workers

The pairs are read from standard input, as JSON; what is found is printed as JSON.
"""

import json
import os
import pwd
import sys
import uuid
from functools import cache
from pathlib import Path

from globus_compute_common import messagepack
from globus_compute_endpoint.endpoint.config.utils import (
    load_config_yaml,
    load_user_config_schema,
    load_user_config_template,
    render_config_user_template,
)
from globus_compute_endpoint.endpoint.identity_mapper import MappedPosixIdentity
from globus_compute_endpoint.engines.base import GCFuture
from jsonschema.validators import validator_for

PROVIDER = (
    "account", "queue", "walltime", "nodes_per_block", "cpus_per_node", "select_options",
    "scheduler_options", "worker_init", "init_blocks", "min_blocks", "max_blocks", "cmd_timeout",
)  # fmt: skip
EXECUTOR = (
    "available_accelerators", "cpu_affinity", "cores_per_worker", "max_workers_per_node",
    "max_workers_per_block", "mpi_launcher", "prefetch_capacity", "heartbeat_period",
    "heartbeat_threshold", "drain_period", "address_probe_timeout", "encrypted", "worker_debug",
    "address", "launch_cmd",
)  # fmt: skip


def load(folder, user_opts):
    """The configuration that the process of a user with these options gets."""
    template = folder / "user_config_template.yaml.j2"
    text = render_config_user_template(
        parent_config=None,
        user_config_template=load_user_config_template(template),
        user_config_template_path=template,
        mapped_identity=MappedPosixIdentity(pwd.getpwuid(os.getuid()), str(uuid.uuid4()), []),
        user_config_schema=load_user_config_schema(folder / "user_config_schema.json"),
        user_opts=user_opts,
        user_runtime={},
    )
    return load_config_yaml(text)


def describe(config):
    engine = config.engine
    executor, provider = engine.executor, engine.provider
    return {
        "idle": [config.idle_heartbeats_soft, config.idle_heartbeats_hard],
        "engine": type(engine).__name__,
        "label": engine.label,
        "retries": engine.max_retries_on_system_failure,
        "working_dir": engine.working_dir,
        "job_status": engine._job_status_kwargs,
        "pool": engine.containerized_launch_cmd() if engine.container_type else executor.launch_cmd,
        "executor": {name: getattr(executor, name, None) for name in EXECUTOR},
        "has_error_handler": executor.block_error_handler is not None,
        "provider_class": type(provider).__name__,
        "provider": {name: getattr(provider, name) for name in PROVIDER},
        "launcher_class": type(provider.launcher).__name__,
        "launcher": {
            name: value for name, value in vars(provider.launcher).items() if name != "debug"
        },
    }


@cache
def validator(folder):
    """The validator that jsonschema.validate makes for each call of the loader."""
    schema = load_user_config_schema(folder / "user_config_schema.json")
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def is_let_through(folder, user_opts):
    return validator(folder).is_valid(user_opts)


def look(workers, meeting):
    """What a task sees; it reaches its worker like any function of a Globus Compute user."""
    import os
    import socket
    import subprocess
    import time
    from pathlib import Path

    # Each worker has one task if all tasks wait until all workers are there.
    Path(meeting, f"{socket.gethostname()}.{os.environ['PARSL_WORKER_RANK']}").touch()
    latest = time.monotonic() + 600
    while len([*Path(meeting).iterdir()]) < workers and time.monotonic() < latest:
        time.sleep(0.05)
    servers = ""
    if "CUDA_MPS_PIPE_DIRECTORY" in os.environ:
        done = subprocess.run(
            "nvidia-cuda-mps-control",
            input="get_server_list\n",
            capture_output=True,
            text=True,
            check=False,
        )
        servers = done.stdout.strip()
    return [
        socket.gethostname(),
        os.environ.get("CUDA_VISIBLE_DEVICES"),
        sorted(os.sched_getaffinity(0)),
        str(Path.cwd()),
        servers,
    ]


def ranks():
    """What the ranks of an MPI task see."""
    import subprocess

    program = 'printf "%s %s\\n" "$(hostname)" "$CUDA_VISIBLE_DEVICES"'
    done = subprocess.run(
        f"$PARSL_MPI_PREFIX --cpu-bind none $POLARIS_PARSL_RANK sh -c '{program}'",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split() for line in done.stdout.splitlines()]


def run(folder):
    """Start the engine as the process of a user does, and run tasks that report what they see."""
    engine = load(folder, {}).engine
    is_mpi = type(engine).__name__ == "GlobusMPIEngine"
    meeting = folder / "meeting"
    meeting.mkdir()
    engine.start(endpoint_id=uuid.uuid4(), run_dir=str(folder / "uep"))
    try:
        workers = engine.max_workers_per_node * (1 if is_mpi else engine.provider.nodes_per_block)
        if is_mpi:
            specification = {"num_nodes": 2, "num_ranks": 8, "ranks_per_node": 4}
            futures = [submit(engine, ranks, (), specification) for _ in range(workers)]
        else:
            arguments = (workers, str(meeting))
            futures = [submit(engine, look, arguments, {}) for _ in range(workers)]
        found = []
        for future in futures:
            message = messagepack.unpack(future.result(timeout=600))
            assert message.error_details is None, message.data
            found.append(engine.serde.deserialize(message.data))
    finally:
        engine.shutdown()
    return found


def submit(engine, function, arguments, specification):
    serde = engine.serde
    parts = [serde.serialize(function), serde.serialize(arguments), serde.serialize({})]
    buffer = serde.pack_buffers(parts)
    future = GCFuture(gc_task_id=uuid.uuid4())
    task = messagepack.message_types.Task(task_id=future.gc_task_id, task_buffer=buffer)
    packed = messagepack.pack(task)
    engine.submit(task_f=future, packed_task=packed, resource_specification=specification)
    return future


def main():
    command, *rest = sys.argv[1:]
    if command == "run":
        print("FOUND " + json.dumps(run(Path(rest[0]).absolute())))
        return
    answer = {"build": lambda *pair: describe(load(*pair)), "judge": is_let_through}[command]
    print(json.dumps([answer(Path(folder), given) for folder, given in json.load(sys.stdin)]))


if __name__ == "__main__":
    main()
