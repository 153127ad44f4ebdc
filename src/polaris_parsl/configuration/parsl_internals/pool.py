"""How Parsl starts its interchange and its pools of workers."""

from typing import Any

from parsl.executors import HighThroughputExecutor

from polaris_parsl.configuration.parsl_internals.internal import Internal, find

_PACKAGE = "parsl.executors.high_throughput"
INTERCHANGE = "polaris_parsl.configuration.parsl_internals.interchange"
FORK = "--fork-workers"
ENDS_WITH_PARENT = "--ends-with-parent"
HEARTBEAT_PERIOD = "--heartbeat-period"
# Commands to our interchange.
NODES = "polaris_parsl nodes"
DROP = "polaris_parsl drop"
PARSLS_POOL = f"{_PACKAGE}.process_worker_pool"
# our own program, which starts it
POOL = "polaris_parsl.configuration.parsl_internals.worker_pool"
# Parsl fills in the addresses and the port of the interchange.
WHERE_DRIVER_LISTENS = "{addresses} {worker_port}"
_PROGRAM = "process_worker_pool.py"
_EXECUTOR = f"{_PACKAGE}.executor.HighThroughputExecutor"
_INTERCHANGE = f"{_PACKAGE}.interchange.Interchange"
_IS_PROGRAM = 'if __name__ == "__main__":'
GPU_COUNT = "nvidia-smi -L > /dev/null && nvidia-smi -L | wc -l"
_DIVISION = (
    f'nvidia_smi_cmd = "{GPU_COUNT}"',
    "subprocess.run(nvidia_smi_cmd, shell=True, stdout=subprocess.PIPE",
    "nvidia_smi_ret.stdout.split()",
    "procs_per_cuda_device = pool_size // num_cuda_devices",
    "str(int(accelerator) // procs_per_cuda_device)",
)

# where a pool reports the death of a worker, and starts one
_DEATH = ("import WorkerLost\n", "raise WorkerLost(worker_id, platform.node())")
_START = (
    "import SpawnContext\n",
    "p = SpawnContext.Process(\n            target=worker,\n            args=(\n                worker_id,",
    'name="HTEX-Worker-{}".format(worker_id)',
)
# tasks are measured by a function of ours
_MEASURE = ('ctxt.get("task_executor", None)', "result = exec_func(req['buffer']")
# the tasks that workers run; only their numbers are read
_RUNNING = (
    "self._mp_manager = SpawnContext.Manager()",
    "self._tasks_in_progress = self._mp_manager.dict()",
    "task = self._tasks_in_progress.pop(worker_id)",
    "'task_id': task['task_id'],",
    "tasks_in_progress[worker_id] = req",
    "tasks_in_progress.pop(worker_id)",
)

_LAUNCH = Internal(
    f"{_PACKAGE}.executor",
    "DEFAULT_LAUNCH_CMD",
    f"its first word, {_PROGRAM}, is replaced by the driver's interpreter with the pool's module",
    "2023.2.27",
    (f"{_EXECUTOR}.__init__",),
    is_as_expected=lambda command: (
        command.startswith(f"{_PROGRAM} ")
        and all(each in command for each in WHERE_DRIVER_LISTENS.split())
    ),
)
INTERNALS = (
    _LAUNCH,
    Internal(
        _EXECUTOR,
        "interchange_launch_cmd",
        "starts the interchange by the driver's interpreter, and so that it ends with the driver",
        "2024.7.8",
        (f"{_EXECUTOR}._start_local_interchange_process",),
        set_in=f"{_EXECUTOR}.__init__",
    ),
    Internal(
        _EXECUTOR,
        "all_addresses",
        "gets the addresses of several interfaces; a set since 2026.4.20, before it a text",
        "2023.2.27",
        (f"{_EXECUTOR}.initialize_scaling",),
        set_in=f"{_EXECUTOR}.__init__",
    ),
    Internal(
        _PACKAGE,
        "interchange",
        "is started by a program of ours, as Parsl's own program does",
        "2023.2.27",
        source_has=(_IS_PROGRAM, "pickle.load(sys.stdin.buffer)", "Interchange(**config)"),
    ),
    Internal(
        _INTERCHANGE,
        "_ready_managers",
        "says which nodes are connected, and drops those that are gone",
        "2023.2.27",
        (f"{_INTERCHANGE}.expire_bad_managers",),
        set_in=f"{_INTERCHANGE}.__init__",
    ),
    Internal(
        _INTERCHANGE,
        "command_channel",
        "answers commands of ours, too",
        "2025.12.8",
        (f"{_INTERCHANGE}.process_command",),
        set_in=f"{_INTERCHANGE}.__init__",
    ),
    Internal(
        _INTERCHANGE,
        "connected_block_history",
        "says of which blocks workers have ever come",
        "2025.12.8",
        (f"{_INTERCHANGE}.process_command",),
        set_in=f"{_INTERCHANGE}.__init__",
    ),
    Internal(
        _INTERCHANGE,
        "expire_bad_managers",
        "gives up nodes that are gone, and forgives silence while the interchange itself was stopped",
        "2025.12.8",
        (f"{_INTERCHANGE}.start",),
    ),
    Internal(
        _INTERCHANGE,
        "process_manager_socket_message",
        "sees from where a pool is connected, and takes one back that was given up",
        "2025.12.8",
        (f"{_INTERCHANGE}.start",),
    ),
    Internal(
        _INTERCHANGE,
        "manager_sock",
        "shows whether the connection to a pool is open",
        "2025.12.8",
        (f"{_INTERCHANGE}.process_manager_socket_message",),
        set_in=f"{_INTERCHANGE}.__init__",
    ),
    Internal(
        _INTERCHANGE,
        "get_tasks",
        "notes when a task goes to its node",
        "2025.12.8",
        (f"{_INTERCHANGE}.process_tasks_to_send",),
    ),
    Internal(
        _INTERCHANGE,
        "results_outgoing",
        "reports lost tasks with block and time",
        "2025.12.8",
        (f"{_INTERCHANGE}.expire_bad_managers",),
        set_in=f"{_INTERCHANGE}.__init__",
    ),
    Internal(
        _EXECUTOR,
        "command_client",
        "asks the interchange, within a time limit",
        "2025.12.8",
        (f"{_EXECUTOR}.connected_managers",),
        set_in=f"{_EXECUTOR}.start",
    ),
    Internal(
        _EXECUTOR,
        "interchange_proc",
        "says whether the interchange lives",
        "2025.12.8",
        (f"{_EXECUTOR}.shutdown",),
        set_in=f"{_EXECUTOR}.__init__",
    ),
    Internal(
        _PACKAGE,
        "process_worker_pool",
        "is started by a program of ours, which also starts the workers, asks nvidia-smi once, reports "
        "what killed a worker, keeps the numbers of running tasks in shared memory, and runs tasks by a "
        "function of ours; its division of accelerator names by the workers on a GPU is undone before "
        "(Parsl's issue 3509)",
        "2025.12.8",
        source_has=(_IS_PROGRAM, *_DIVISION, *_DEATH, *_START, *_MEASURE, *_RUNNING),
    ),
    Internal(
        PARSLS_POOL,
        "distributions",
        "lists the packages of the environment, which the image of an install knows",
        "2025.12.8",
        (f"{PARSLS_POOL}.Manager.create_reg_message",),
    ),
)


def launch_command(pool: str) -> str:
    """Parsl's command of a pool of workers, with its placeholders.

    Args:
        pool: shell text that starts the pool, in place of a look-up on PATH.
    """
    command: str = find(_LAUNCH.name)
    return command.replace(_PROGRAM, pool, 1)


def interchange_command(executor: HighThroughputExecutor) -> list[str]:
    """The command by which an executor starts its interchange."""
    return list(executor.interchange_launch_cmd)


def set_interchange_command(executor: HighThroughputExecutor, command: list[str]) -> None:
    """Change that command; of MPIExecutor, the constructor takes one word only."""
    executor.interchange_launch_cmd = command


def offer_addresses(executor: HighThroughputExecutor, addresses: list[str]) -> None:
    """Let workers try several addresses of the driver; the interchange then listens on all interfaces.

    The constructor takes one, or asks an outside service for more.
    """
    executor.address = None
    # Parsl 2026.2.23 and earlier write them with commas.
    asked: Any = executor.all_addresses
    offered: Any = ",".join(addresses) if isinstance(asked, str) else set(addresses)
    executor.all_addresses = offered


def accelerator_name(gpu: int, number: int, *, workers: int, gpus: int) -> str:
    """The name of a GPU from which Parsl comes back to that GPU.

    Where a pool has more workers than nvidia-smi lists GPUs, Parsl divides each name by the
    workers per listed GPU and uses the result; so the name is multiplied before. A name that is
    no number it uses unchanged.

    Args:
        gpu: number of the GPU.
        number: of the worker among those that share the GPU.
        workers: of the pool.
        gpus: of the node.
    """
    divisor = max(1, workers // gpus)
    return str(gpu * divisor + number % divisor)
