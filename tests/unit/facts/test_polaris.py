import re
import tomllib
from pathlib import Path
from typing import Any

import polaris_parsl
from polaris_parsl.facts.conflicting_sources import conflicting_sources_of
from polaris_parsl.facts.polaris import polaris

FILE = Path(polaris_parsl.__file__).parent / "facts" / "polaris.toml"


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


def test_a_fact_with_conflicting_sources_belongs_to_its_table_and_the_other_value_differs() -> None:
    conflicts = polaris().conflicting_sources
    data = tables()
    for place, conflict in conflicts:
        table: Any = data
        for key in place.split("."):
            table = table[key]
        for entry in table if isinstance(table, list) else [table]:
            if conflict in conflicting_sources_of(entry):
                used = entry.get("values", entry).get(conflict.fact)
                assert used != conflict.other, (place, conflict)
                assert used is not None or conflict.fact in {"max_run", "max_queued"}, conflict
    assert {(place, conflict.fact) for place, conflict in conflicts} >= {
        ("network", "interfaces"),
        ("filesystems", "names"),
        ("login", "tasks_per_user"),
        ("pbs", "reservation_pattern"),
        ("defaults", "cpus_per_node"),
        ("queue.debug", "max_queued"),
        ("queue.capacity", "max_run"),
        ("queue.preemptable", "max_queued"),
        ("queue.prod", "nodes_max"),
        ("queue.small", "walltime_max_minutes"),
    }


def test_a_filesystem_that_one_source_lists_and_another_does_not_is_doubtful() -> None:
    assert polaris().doubtful_filesystems == ("grand",)
    assert polaris().mounts.keys() == set(polaris().filesystems)


def test_the_login_nodes_have_an_interface_that_compute_nodes_reach() -> None:
    facts = polaris()
    assert set(facts.interfaces) <= set(facts.login.interfaces)
    assert facts.login_hostname == "polaris-login-01"
    assert facts.login.tasks_file.format(user="me") == "/sys/fs/cgroup/users/me/pids.max"


def test_the_hostname_pattern_fits_a_node_and_no_login_node() -> None:
    pattern = re.compile(polaris().node.hostname_pattern)
    assert pattern.match("x3002c0s7b1n0")
    assert not pattern.match("polaris-login-01")
