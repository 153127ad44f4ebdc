import copy
import json
from pathlib import Path
from typing import Any

import pytest

from code_blocks import Typed, block
from polaris_parsl.errors import PolarisParslError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.queue_listing import Listing, as_pbs, differences, read_listing

RECORDED = Path(__file__).parents[2] / "recorded" / "openpbs"


def recorded(name: str) -> Listing:
    """The first output of a recording."""
    text = (RECORDED / name).read_text().partition("--- stdout\n")[2]
    return read_listing(text.partition("\n--- stderr")[0])


def listing(changes: dict[str, dict[str, Any]] | None = None) -> Listing:
    """The queues of the facts, as PBS would list them, some of them changed; None removes."""
    queues = {name: as_pbs(queue) for name, queue in polaris().queues.items()}
    for name, attributes in copy.deepcopy(changes or {}).items():
        queues.setdefault(name, {}).update(attributes)
        queues[name] = {key: value for key, value in queues[name].items() if value is not None}
    return Listing("server", "1.0", queues)


def shown(listing: Listing) -> list[str]:
    return [str(each) for each in differences(listing)]


def test_a_recorded_listing_differs_from_the_facts_just_where_it_was_set_up_otherwise() -> None:
    found = recorded("queues_and_nodes.txt")
    assert found.version == "23.06.06"
    assert shown(found) == [
        "debug-scaling, queued_jobs_threshold: none in the facts, [u:PBS_GENERIC=1] here",
        (
            "prod, route_destinations: small,medium,large,backfill-small,backfill-medium,"
            "backfill-large in the facts, small,medium here"
        ),
        "medium, max_queued: [p:PBS_GENERIC=10] in the facts, none here",
        "large, queue: Execution in the facts, none here",
        "backfill-small, queue: Execution in the facts, none here",
        "backfill-medium, queue: Execution in the facts, none here",
        "backfill-large, queue: Execution in the facts, none here",
        "preemptable, max_queued: [p:PBS_GENERIC=20] in the facts, none here",
        "preemptable, max_run: [p:PBS_GENERIC=10] in the facts, none here",
        "preemptable, resources_min.walltime: 00:05:00 in the facts, none here",
        "demand, max_queued: [p:PBS_GENERIC=100] in the facts, none here",
        "demand, resources_max.nodect: 56 in the facts, none here",
        "demand, resources_min.walltime: 00:05:00 in the facts, none here",
        "capacity, queue: Execution in the facts, none here",
        "workq, queue: none in the facts, Execution here",
    ]


def test_the_document_shows_these_differences() -> None:
    found = recorded("queues_and_nodes.txt")
    last = f"{len(shown(found))} differences between {found.server} (PBS {found.version}) and the facts"
    printed = "".join(
        f"{line}\n" for line in [*shown(found), f"{last}; to correct these see docs/queues.md"]
    )
    text = block("docs/queues.md", "debug-scaling, queued").text
    assert Typed("polaris-parsl queues --refresh", text).fits(printed), printed


def test_the_release_clients_print_the_same_queue_in_another_layout() -> None:
    found = list(differences(recorded("qstat_queue_release.txt")))
    assert {each.queue for each in found} == polaris().queues.keys() - {"debug"}
    assert {each.attribute for each in found} == {"queue"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"debug": {"Priority": 150, "total_jobs": 3, "comment": "nan"}},
        {"debug": {"resources_max": {"nodect": "2", "walltime": "1:00:00"}}},
        {"debug": {"resources_min": {"walltime": "00:05:00"}}},
        {"debug": {"max_run_res": {"nodect": "[o:PBS_ALL=24]"}}},
        {"debug": {"max_run": "[u:PBS_GENERIC=1],[u:somebody=5]", "acl_user_enable": "False"}},
        {"demand": {"acl_group_enable": "True"}},
        {"prod": {"resources_min": {"walltime": "00:05:00"}, "resources_max": {"nodect": 496}}},
        {"prod": {"route_destinations": ",".join(f"{each}@server" for each in
                  polaris().queues["prod"].routes_to)}},
        {"R123456": {"queue_type": "Execution"}, "alcf_training2": {"queue_type": "Execution"}},
    ],
)  # fmt: skip
def test_what_says_the_same_in_other_words_is_no_difference(
    changes: dict[str, dict[str, Any]],
) -> None:
    assert shown(listing(changes)) == []


@pytest.mark.parametrize(
    ("queue", "attributes", "difference"),
    [
        ("debug", {"enabled": "False"}, "enabled: True in the facts, False here"),
        ("debug", {"started": "False"}, "started: True in the facts, False here"),
        ("debug", {"acl_user_enable": "True"}, "acl_user_enable: none in the facts, True here"),
        ("debug", {"max_user_run": 2}, "max_user_run: none in the facts, 2 here"),
        (
            "debug",
            {"max_run_res": {"nodect": "[o:PBS_ALL=16]"}},
            "max_run_res.nodect: [o:PBS_ALL=24] in the facts, [o:PBS_ALL=16] here",
        ),
        (
            "debug",
            {"max_queued_res": {"ncpus": "[u:PBS_GENERIC=64]"}},
            "max_queued_res.ncpus: none in the facts, [u:PBS_GENERIC=64] here",
        ),
        (
            "debug",
            {"resources_max": {"nodect": 4, "walltime": "01:00:00"}},
            "resources_max.nodect: 2 in the facts, 4 here",
        ),
        ("debug", {"max_run": None}, "max_run: [u:PBS_GENERIC=1] in the facts, none here"),
        ("small", {"from_route_only": None}, "from_route_only: True in the facts, none here"),
        (
            "prod",
            {"resources_max": {"nodect": 512}},
            "resources_max.nodect: 496 in the facts, 512 here",
        ),
        ("small", {"queue_type": "Route"}, "queue_type: Execution in the facts, Route here"),
        (
            "capacity",
            {"max_run": "[p:PBS_GENERIC=1]"},
            (
                "max_run: [u:PBS_GENERIC=1] in the facts, [p:PBS_GENERIC=1] here, "
                "as in a live qstat of 2026-09-22"
            ),
        ),
        (
            "preemptable",
            {"max_queued": "[u:PBS_GENERIC=20],[p:PBS_GENERIC=20]"},
            (
                "max_queued: [p:PBS_GENERIC=20] in the facts, [p:PBS_GENERIC=20],[u:PBS_GENERIC=20] "
                "here, as in a live qstat of 2026-09-22"
            ),
        ),
        (
            "small",
            {"resources_max": {"nodect": 24, "walltime": "06:00:00"}},
            (
                "resources_max.walltime: 03:00:00 in the facts, 06:00:00 here, "
                "as in ALCF docs/polaris/known-issues.md"
            ),
        ),
    ],
)
def test_a_limit_that_differs_is_named_with_both_values_and_who_else_has_it(
    queue: str, attributes: dict[str, Any], difference: str
) -> None:
    assert shown(listing({queue: attributes})) == [f"{queue}, {difference}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("qstat: cannot connect", "no valid JSON: Expecting value: line 1 column 1"),
        ('{"Queue":{"debug":{"comment":nan}}}', "no valid JSON"),
        ('{"Queue":{"debug":', "no valid JSON"),
        ("[]", 'without a table "Queue"'),
        (json.dumps({"timestamp": 1, "pbs_version": "23.06.06"}), 'without a table "Queue"'),
        ('{"Queue":{"debug":7}}', 'without a table "Queue"'),
    ],
)
def test_what_is_no_listing_of_queues_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PolarisParslError) as refusal:
        read_listing(text)
    assert problem in str(refusal.value)
    assert "fix: look at the output of `qstat -Q -f -F json`" in str(refusal.value)
