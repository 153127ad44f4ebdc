"""Parsl's pieces, set up for the system: executor, provider and launcher."""

import atexit
import os
import shlex
import socket
import subprocess
import sys
import threading

from parsl.addresses import address_by_interface
from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
from parsl.launchers import GnuParallelLauncher, MpiExecLauncher
from parsl.launchers.base import Launcher
from parsl.providers import PBSProProvider

from polaris_parsl import checks
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError, warn
from polaris_parsl.facts import polaris
from polaris_parsl.options import Options
from polaris_parsl.process import run
from polaris_parsl.worker_init import compose

_HTEX = "parsl.executors.high_throughput"


# Ends the interchange with its parent; without it the workers see a living one until the walltime.
_INTERCHANGE_THAT_DIES_WITH_THE_DRIVER = f"""\
import ctypes, runpy, signal
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
runpy.run_module("{_HTEX}.interchange", run_name="__main__", alter_sys=True)
"""


class PolarisExecutor(HighThroughputExecutor):
    """HighThroughputExecutor that asks for its first blocks at once and leaves none behind.

    Parsl leaves the first blocks to the first round of its scaling thread that
    sees the executor, a whole strategy_period (5 s) after the start. And it
    leaves all blocks running where the driver ends without `with parsl.load`,
    is killed, or has given the executor up: they would idle until their walltime,
    at the cost of the account.
    """

    def start(self) -> None:
        """Start the interchange and submit the initial blocks."""
        if threading.current_thread() is threading.main_thread():
            # The kernel tells it of the end of the thread that started it, not of the process.
            python = self.interchange_launch_cmd[0]
            self.interchange_launch_cmd = [
                python,
                "-P",
                "-c",
                _INTERCHANGE_THAT_DIES_WITH_THE_DRIVER,
            ]
        atexit.register(self._delete_jobs_at_exit, os.getpid())
        super().start()  # type: ignore[no-untyped-call]
        provider = self.provider
        assert provider is not None, "build_executor gives one"
        self.scale_out_facade(provider.init_blocks)
        # They are asked for; the scaling thread would ask for as many again.
        provider.init_blocks = 0

    def shutdown(self, timeout: float = 10.0) -> None:
        """End the interchange, then whatever Parsl's scaling has left of the jobs."""
        super().shutdown(timeout)
        self._delete_jobs()
        atexit.unregister(self._delete_jobs_at_exit)

    def _delete_jobs_at_exit(self, driver: int) -> None:
        # A process that the user's program forked ends in this way too; the jobs are not its own.
        if os.getpid() == driver:
            self._delete_jobs()

    def _delete_jobs(self) -> None:
        provider = self.provider
        assert isinstance(provider, PBSProProvider), "build_executor gives one"
        resources = provider.resources.items()
        left = [str(job) for job, entry in resources if not entry["status"].terminal]
        complaint = _qdel(left, provider.cmd_timeout) if left else ""
        if complaint:
            warn(
                f"jobs may be left running: {complaint}; look with `qstat -u $USER` and "
                f"delete them with `qdel {' '.join(left)}`",
            )


def _qdel(jobs: list[str], timeout_seconds: float) -> str:
    """Delete jobs; what qdel has against it, but for jobs that have ended by themselves.

    The provider could do it, but not while Python exits.
    """
    try:
        done = run(["qdel", *jobs], timeout_seconds=timeout_seconds)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.splitlines() if done.returncode != 0 else []
    return " ".join(line for line in lines if "has finished" not in line)


def build_executor(options: Options, driver: Driver) -> PolarisExecutor:
    """The executor: one worker on each chosen GPU, bound to the CPUs of its NUMA domain.

    Raises:
        OptionError: no address that compute nodes reach was found on this node.
    """
    gpus = options.available_accelerators
    addresses = _addresses(options, driver)
    executor = PolarisExecutor(
        label=options.label,
        # With several, the interchange listens on all interfaces; see below.
        address=addresses[0],
        provider=_provider(options, driver),
        launch_cmd=_launch_command(options, driver),
        interchange_launch_cmd=[str(driver.python), "-P", "-m", f"{_HTEX}.interchange"],
        max_workers_per_node=len(gpus),
        available_accelerators=[str(accelerator.gpu) for accelerator in gpus],
        cpu_affinity="list:" + ":".join(accelerator.cpus for accelerator in gpus),
        cores_per_worker=options.cores_per_worker,
        heartbeat_period=options.heartbeat_period,
        heartbeat_threshold=options.heartbeat_threshold,
        prefetch_capacity=options.prefetch_capacity,
        encrypted=options.encrypted,
        worker_debug=options.worker_debug,
    )
    if len(addresses) > 1:
        # The constructor takes one address, or asks an outside service for more.
        executor.address = None
        executor.all_addresses = set(addresses)
    return executor


def _provider(options: Options, driver: Driver) -> PBSProProvider:
    return PBSProProvider(
        account=options.account,
        queue=options.queue,
        walltime=options.walltime,
        nodes_per_block=options.nodes_per_block,
        cpus_per_node=options.cpus_per_node,
        select_options=f"ngpus={len(polaris().node.accelerators)}",
        scheduler_options=options.scheduler_options,
        worker_init=compose(options, driver),
        init_blocks=options.init_blocks,
        min_blocks=options.min_blocks,
        max_blocks=options.max_blocks,
        launcher=_launcher(options),
    )


def _launcher(options: Options) -> Launcher:
    if options.launcher == "gnu_parallel":
        return GnuParallelLauncher()
    node = polaris().node
    return MpiExecLauncher(
        # Parsl appends "none" to bind_cmd: the pool sees all CPUs and binds its workers itself.
        bind_cmd="--cpu-bind",
        overrides=f"--depth={node.threads} --ppn 1 --env TMPDIR={node.tmpdir}",
    )


def _launch_command(options: Options, driver: Driver) -> str:
    """Parsl's command of a pool, by absolute interpreter instead of a look-up on PATH."""
    python = shlex.quote(str(checks.interpreter(driver.python)))
    pool = f"{python} -P -m {_HTEX}.process_worker_pool"
    command = DEFAULT_LAUNCH_CMD.replace("process_worker_pool.py", pool, 1)
    # ssh starts in HOME, where tasks would leave their files.
    return f"cd {shlex.quote(str(options.run_dir))} && exec {command}"


def _addresses(options: Options, driver: Driver) -> list[str]:
    if options.address is not None:
        return [options.address]
    if options.interface is None and driver.address is not None:
        return [str(checks.address("POLARIS_PARSL_ADDRESS", driver.address))]
    present = [name for _, name in socket.if_nameindex()]
    wanted = polaris().interfaces if options.interface is None else (options.interface,)
    found = []
    for name in wanted:
        if name in present:
            try:
                found.append(address_by_interface(name))
            except OSError:  # the interface has no IPv4 address
                continue
    if not found:
        raise OptionError(
            f"this node has no address on {' or '.join(wanted)}, where compute nodes would look "
            f"for it; its interfaces are {', '.join(present)}",
            remedy="run on a login node of the system, rehearse with `polaris-parsl sandbox -- "
            f"{sys.argv[0] or 'COMMAND'}`, or pass address= or interface=",
        )
    return list(dict.fromkeys(found))
