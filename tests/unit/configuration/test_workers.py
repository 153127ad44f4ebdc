from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_parsl.configuration.workers import Worker, accelerator_names, workers_of_node
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions

CPUS_OF_GPU = {each.gpu: each.cpus for each in polaris().node.accelerators}


def workers(**given: Any) -> tuple[Worker, ...]:
    return workers_of_node(ExecutorOptions.parse({"account": "datascience", **given}))


def numbers(cpus: str) -> set[int]:
    found = set()
    for part in cpus.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_by_default_each_gpu_has_a_worker_with_the_cpus_beside_it() -> None:
    assert workers() == tuple(Worker((gpu,), cpus) for gpu, cpus in CPUS_OF_GPU.items())


def test_workers_that_share_a_gpu_share_out_its_cores() -> None:
    assert [(worker.gpus, worker.cpus) for worker in workers(workers_per_gpu=2)[:4]] == [
        ((0,), "24-27,56-59"),
        ((0,), "28-31,60-63"),
        ((1,), "16-19,48-51"),
        ((1,), "20-23,52-55"),
    ]


def test_a_worker_with_several_gpus_has_the_cpus_of_all_of_them() -> None:
    assert workers(gpus_per_worker=2) == (
        Worker((0, 1), "16-31,48-63"),
        Worker((2, 3), "0-15,32-47"),
    )
    assert workers(gpus_per_worker=4) == (Worker((0, 1, 2, 3), "0-63"),)


@pytest.mark.parametrize(
    ("given", "count", "first"),
    [
        ({}, 64, "0"),
        ({"cores_per_worker": 2}, 32, "0,32"),
        ({"cores_per_worker": 16}, 4, "0-7,32-39"),
        ({"max_workers_per_node": 4}, 4, "0-7,32-39"),
        ({"max_workers_per_node": 5}, 5, "0-5,32-37"),
    ],
)
def test_cpu_only_workers_share_out_the_node_by_whole_cores(
    given: dict[str, Any], count: int, first: str
) -> None:
    found = workers(available_accelerators=0, **given)
    assert len(found) == count
    assert found[0].cpus == first
    assert all(worker.gpus == () for worker in found)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["0", "1", "2", "3"]),
        ({"workers_per_gpu": 2}, ["0", "1", "2", "3", "4", "5", "6", "7"]),
        ({"gpus_per_worker": 2}, ["0,1", "2,3"]),
        ({"available_accelerators": [3, 1], "workers_per_gpu": 2}, ["3", "3", "1", "1"]),
    ],
)
def test_parsl_gets_names_from_which_it_finds_the_gpus(
    given: dict[str, Any], names: list[str]
) -> None:
    assert accelerator_names(workers(**given)) == names


@given(
    gpus=st.lists(st.sampled_from(sorted(CPUS_OF_GPU)), min_size=1, unique=True),
    per_gpu=st.integers(1, 16),
)
def test_parsls_arithmetic_gives_each_worker_its_own_gpu(gpus: list[int], per_gpu: int) -> None:
    found = workers(available_accelerators=gpus, workers_per_gpu=per_gpu)
    names = accelerator_names(found)
    # as process_worker_pool does it, with what `nvidia-smi -L` lists on a node
    divisor = len(found) // len(CPUS_OF_GPU)
    seen = [int(name) // divisor if divisor else int(name) for name in names]
    assert seen == [worker.gpus[0] for worker in found]


@given(
    given=st.one_of(
        st.fixed_dictionaries({"workers_per_gpu": st.integers(1, 16)}),
        st.fixed_dictionaries(
            {"available_accelerators": st.just(0), "max_workers_per_node": st.integers(1, 64)}
        ),
        st.fixed_dictionaries(
            {"available_accelerators": st.just(0), "cores_per_worker": st.floats(1, 64)}
        ),
        st.fixed_dictionaries({"gpus_per_worker": st.sampled_from([1, 2, 4])}),
    )
)
def test_no_two_workers_share_a_hardware_thread(given: dict[str, Any]) -> None:
    sets = [numbers(worker.cpus) for worker in workers(**given)]
    assert sum(len(each) for each in sets) == len(set().union(*sets)) <= polaris().node.threads
    assert all(sets)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"gpus_per_worker": 3}, "does not divide the 4 GPUs"),
        ({"gpus_per_worker": 2, "workers_per_gpu": 2}, "both more than 1"),
        ({"available_accelerators": 0, "workers_per_gpu": 2}, "no GPU"),
        ({"available_accelerators": 0, "gpus_per_worker": 2}, "no GPU"),
        ({"available_accelerators": 0, "cores_per_worker": 0.5}, "128 workers"),
        (
            {"available_accelerators": 0, "cores_per_worker": 64, "max_workers_per_node": 2},
            "2 workers",
        ),
        ({"workers_per_gpu": 2, "max_workers_per_node": 4}, "8 workers"),
        ({"workers_per_gpu": 16, "cores_per_worker": 2}, "64 workers"),
    ],
)
def test_what_does_not_fit_on_a_node_is_refused(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        workers(**given)


def test_the_page_may_repeat_the_number_of_workers() -> None:
    assert len(workers(max_workers_per_node=4)) == 4
