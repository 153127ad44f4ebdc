"""What an install has learned of PBS counts before the facts."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.facts import polaris as facts
from polaris_parsl.facts.learned_queues import (
    LearnedQueues,
    read_learned_queues,
    write_learned_queues,
)
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.pbs.learn_queues import learn_queues
from polaris_parsl.pbs.queue_listing import Listing, as_pbs, differences
from polaris_parsl.policy.policy import check_policy

TODAY = datetime.date(2026, 11, 28)
WORKSHOP = {
    "queue_type": "Execution",
    "enabled": "True",
    "acl_user_enable": "True",
    "resources_max": {"nodect": 2, "walltime": "02:00:00"},
    "max_run": "[u:PBS_GENERIC=3]",
}


@pytest.fixture
def learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an install whose PBS has a workshop's queue and a longer debug."""
    queues: dict[str, dict[str, Any]] = {
        name: as_pbs(queue) for name, queue in facts.polaris().queues.items()
    }
    queues["debug"]["resources_max"] = {"nodect": 2, "walltime": "02:00:00"}
    more: dict[str, dict[str, Any]] = {
        "HandsOnHPC": WORKSHOP,
        "R123456": {"enabled": "True"},
        "old": {"enabled": "False"},
    }
    file = tmp_path / "queues.json"
    listing = Listing("polaris-pbs-01", "1.0", {**queues, **more})
    write_learned_queues(learn_queues(listing, TODAY), file)
    monkeypatch.setattr(facts, "file_of_learned_queues", lambda: file)
    facts.polaris.cache_clear()
    return file


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    facts.polaris.cache_clear()


def check(**wanted: Any) -> None:
    check_policy(ExecutorOptions.parse({"account": "datascience", **wanted}))


def test_only_what_the_facts_lack_or_have_otherwise_is_kept(learned: Path) -> None:
    data = json.loads(learned.read_text())
    assert data["queues"] == {
        "debug": {"walltime_max_minutes": 120},
        "HandsOnHPC": {
            "nodes_max": 2,
            "walltime_max_minutes": 120,
            "max_run": {"user": 3},
            "by_request": True,
        },
    }
    assert learned.stat().st_mode & 0o444 == 0o444


@pytest.mark.usefixtures("learned")
def test_requests_are_compared_with_what_pbs_has() -> None:
    check(queue="HandsOnHPC", nodes_per_block=2, walltime="2:00:00", max_blocks=3)
    check(queue="debug", walltime="2:00:00")
    with pytest.raises(
        OptionError, match=r"HandsOnHPC does not take.*qstat of polaris-pbs-01, read"
    ):
        check(queue="HandsOnHPC", nodes_per_block=3)
    # a workshop's queue is offered to nobody else
    with pytest.raises(OptionError) as refusal:
        check(queue="debug", nodes_per_block=3, walltime="0:30:00")
    assert "HandsOnHPC" not in refusal.value.remedy


@pytest.mark.usefixtures("learned")
def test_the_comparison_with_pbs_stays_one_with_the_facts() -> None:
    queues = {name: as_pbs(queue) for name, queue in facts.polaris().documented_queues.items()}
    assert differences(Listing("pbs", "1.0", {**queues, "HandsOnHPC": WORKSHOP})) == []


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"format": 1}',
        '{"format": 9, "server": "pbs", "asked": "2026-11-28", "queues": {}}',
        '{"format": 1, "server": "pbs\\u001b[2J", "asked": "2026-11-28", "queues": {}}',
        '{"format": 1, "server": "pbs", "asked": "2026-11-28", "queues": {"a b": {}}}',
        '{"format": 1, "server": "pbs", "asked": "2026-11-28", "queues": {"a": {"nodes_max": "2"}}}',
        '{"format": 1, "server": "pbs", "asked": "2026-11-28", "queues": {"a": {"routes_to": []}}}',
        '{"format": 1, "server": "pbs", "asked": "2026-11-28", "queues": {"a": []}, "x": '
        + "[" * 9000,
    ],
)
def test_a_damaged_file_is_named_and_passed_by(tmp_path: Path, text: str) -> None:
    file = tmp_path / "queues.json"
    file.write_text(text)
    with pytest.warns(
        PolarisParslWarning, match=r"queues\.json is not readable as a file of queues"
    ):
        assert read_learned_queues(file) is None


def test_a_file_that_everybody_can_write_is_passed_by(tmp_path: Path) -> None:
    file = tmp_path / "queues.json"
    write_learned_queues(LearnedQueues("pbs", TODAY, {}), file)
    file.chmod(0o666)
    with pytest.warns(PolarisParslWarning, match=r"everybody can write .*queues\.json"):
        assert read_learned_queues(file) is None


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    learned = LearnedQueues("pbs", TODAY, {"a": {"nodes_max": 2, "max_queued": {"project": 5}}})
    write_learned_queues(learned, tmp_path / "queues.json")
    assert read_learned_queues(tmp_path / "queues.json") == learned
    assert read_learned_queues(tmp_path / "absent.json") is None
    assert [path.name for path in tmp_path.iterdir()] == ["queues.json"]
