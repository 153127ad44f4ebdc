"""What users of polaris_parsl write for the configurations that published.toml describes.

Those that are for the inside of a job need no account, queue or walltime: the job has them.
"""

from typing import Any

from parsl.config import Config

from polaris_parsl import config

Opts = dict[str, Any]


def row_01_chemgraph() -> Config:
    return config(heartbeat_period=30, heartbeat_threshold=360, worker_debug=True)


def row_02_workshop_pbs() -> Config:
    return config(account="alcf_training", queue="alcf_training", walltime="0:05:00")


def row_02_workshop_in_job() -> Config:
    return config()


def row_02_workshop_mpi() -> Config:
    pbs: Opts = {"account": "alcf_training", "queue": "alcf_training", "walltime": "00:10:00"}
    return config(**pbs, nodes_per_block=2, max_workers_per_block=1)


def row_03_parsl() -> Config:
    size: Opts = {"queue": "prod", "nodes_per_block": 128, "walltime": "3:00:00"}
    return config(account="datascience", **size, usage_tracking=1)


def row_05_taps() -> Config:
    pbs: Opts = {"account": "datascience", "queue": "debug-scaling", "walltime": "01:00:00"}
    return config(**pbs, cpus_per_node=32, init_blocks=0)


def row_08_mofa() -> Config:
    inf, train = {"nodes_per_block": 2}, {"nodes_per_block": 1, "gpus_per_worker": 4}
    cp2k: Opts = {"nodes_per_block": 4, "max_workers_per_block": 2}
    helper: Opts = {"nodes_per_block": 1, "available_accelerators": 0, "max_workers_per_node": 16}
    rest: Opts = {"lammps": {"workers_per_gpu": 4}, "cp2k": cp2k, "helper": helper}
    return config(executors={"inf": inf, "train": train, **rest})


def row_10_distllm() -> Config:
    pbs: Opts = {"account": "datascience", "queue": "R1819640", "nodes_per_block": 200}
    node: Opts = {"cpus_per_node": 32, "cores_per_worker": 8, "worker_debug": True}
    return config(**pbs, walltime="3:00:00", **node, retries=1)


def row_13_sbnd() -> Config:
    pbs: Opts = {"scheduler_options": "#PBS -l filesystems=home:eagle\n#PBS -l place=scatter"}
    blocks: Opts = {"strategy": "none", "block_error_handler": False, "cmd_timeout": 240}
    node: Opts = {"cpus_per_node": 32, "workers_per_gpu": 8, "address_probe_timeout": 120}
    return config(account="neutrinoGPU", **pbs, **blocks, **node, worker_debug=True, retries=5)


def row_15_molecular_simulations() -> Config:
    return config(account="datascience", worker_debug=True, retries=1)


def row_17_parslbox() -> Config:
    beat: Opts = {"heartbeat_period": 60, "heartbeat_threshold": 120}
    return config(label="htex_polaris", **beat, worker_debug=True, cores_per_worker=16, retries=0)


def row_18_topology_per_gpu() -> Config:
    pbs: Opts = {"account": "argonne_tpc", "queue": "debug", "walltime": "00:30:00"}
    return config(**pbs, nodes_per_block=2, label="decentral_train", worker_debug=True)


def row_18_topology_per_node() -> Config:
    return config(label="experiment", gpus_per_worker=4, worker_debug=True)


def row_22_picoprobe() -> Config:
    pbs: Opts = {"account": "datascience", "queue": "preemptable", "walltime": "01:00:00"}
    blocks: Opts = {"init_blocks": 0, "max_blocks": 2, "max_idletime": 300}
    return config(**pbs, **blocks, cpus_per_node=32, gpus_per_worker=4)


def row_23_appfl() -> Config:
    return config(account="datascience", queue="debug", encrypted=False)


def row_27_examol() -> Config:
    pbs: Opts = {"account": "datascience", "queue": "preemptable", "walltime": "12:00:00"}
    return config(**pbs, nodes_per_block=4, max_workers_per_block=4, max_blocks=8, retries=8)


def page_of_2023() -> Config:
    pbs: Opts = {"account": "datascience", "queue": "debug-scaling", "walltime": "1:00:00"}
    node: Opts = {"cpus_per_node": 32, "available_accelerators": 4, "cores_per_worker": 8}
    return config(**pbs, nodes_per_block=3, **node, worker_debug=True)


def page_of_2025() -> Config:
    pbs: Opts = {"account": "datascience", "queue": "debug-scaling", "walltime": "1:00:00"}
    return config(**pbs, nodes_per_block=3, cpus_per_node=32, worker_debug=True)
