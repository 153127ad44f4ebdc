import re
import tomllib
from pathlib import Path
from typing import Any

import polaris_parsl
from polaris_parsl.facts import polaris

FILE = Path(polaris_parsl.__file__).parent / "data" / "polaris.toml"


def tables() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


def cpus(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, last = part.split("-")
        found.update(range(int(first), int(last) + 1))
    return found


def test_every_table_names_its_source_and_the_day_it_was_read() -> None:
    data = tables()
    defaults = {f"defaults {number}": table for number, table in enumerate(data.pop("defaults"))}
    queues = data.pop("queue")
    for name, table in {**data, **queues, **defaults}.items():
        assert table["source"], name
        assert table["checked"].isoformat() >= "2026-11-22", name


def test_the_gpus_share_out_all_threads_of_a_node() -> None:
    node = polaris().node
    sets = [cpus(accelerator.cpus) for accelerator in node.accelerators]
    assert set().union(*sets) == set(range(node.threads))
    assert sum(map(len, sets)) == node.threads


def test_no_two_gpus_share_a_core() -> None:
    node = polaris().node
    for accelerator in node.accelerators:
        threads = cpus(accelerator.cpus)
        # the second thread of core i is i + cores
        assert {thread % node.cores for thread in threads} == {t for t in threads if t < node.cores}


def test_queues_are_consistent() -> None:
    facts = polaris()
    assert facts.default_queue in facts.queues
    for queue in facts.queues.values():
        assert 1 <= queue.nodes_min <= queue.nodes_max <= facts.node_count
        assert 0 < queue.walltime_min_minutes <= queue.walltime_max_minutes
        for target in queue.routes_to:
            assert facts.queues[target].only_by_routing


def test_the_hostname_pattern_fits_a_node_and_no_login_node() -> None:
    pattern = re.compile(polaris().node.hostname_pattern)
    assert pattern.match("x3002c0s7b1n0")
    assert not pattern.match("polaris-login-01")
