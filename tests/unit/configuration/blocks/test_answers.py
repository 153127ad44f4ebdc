"""What PBS's commands say, in words; what they do not say is not known."""

import re
from pathlib import Path

import pytest

from polaris_parsl.configuration.blocks.answers import is_for_now, is_full, read_qstat, remedy_for

RECORDED = Path(__file__).parents[3] / "recorded" / "openpbs"
JOB = "0.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"


def recorded(name: str) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each command in a recording."""
    parts = re.findall(
        r"exit code: (\d+).*?--- stdout\n(.*?)\n--- stderr\n(.*?)(?:\n\n|\Z)",
        (RECORDED / name).read_text(),
        re.DOTALL,
    )
    return [
        (int(code), out.replace("<no newline at end>", ""), err.replace("(empty)", ""))
        for code, out, err in parts
    ]


def test_a_finished_job_is_known_with_its_exit_status_and_first_node() -> None:
    answer = read_qstat([JOB], *recorded("qstat_finished.txt")[0])
    found = answer.jobs[JOB]
    assert (found.state, found.exit_status, found.runs) == ("F", 0, 1)
    assert found.host == "x3001c0s1b0n0"
    assert found.comment.endswith("and finished")


def test_a_job_that_pbs_does_not_know_is_gone_and_others_are_not() -> None:
    unknown = "999999.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov"
    answer = read_qstat([unknown, "1.x"], *recorded("qstat_errors.txt")[0])
    assert answer.gone == {unknown}
    assert not answer.problem


SILENCE = {
    "no jobs": (0, '{"timestamp": 1, "pbs_version": "23", "pbs_server": "x"}', ""),
    "nothing": (0, "", ""),
    "cut": (0, '{"Jobs":{"0.polaris', ""),
    "garbage": (0, "<html>502</html>", ""),
    "a list": (0, "[]", ""),
    "jobs that are none": (0, '{"Jobs": 5}', ""),
    "another job": (0, '{"Jobs": {"5.x": {"job_state": "F"}}}', ""),
    "refused": (255, "", "Connection refused\nqstat: cannot connect to server x (errno=15010)"),
    "finished": (35, '{"timestamp": 1}', f"qstat: {JOB} Job has finished, use -x or -H"),
    "failed": (1, "", ""),
}


@pytest.mark.parametrize("said", SILENCE)
def test_an_answer_that_says_nothing_of_a_job_leaves_it_unknown(said: str) -> None:
    answer = read_qstat([JOB], *SILENCE[said])
    assert not answer.jobs
    assert not answer.gone
    assert answer.problem.startswith("exit code")


def test_a_job_without_a_state_is_in_none() -> None:
    assert read_qstat([JOB], 0, f'{{"Jobs": {{"{JOB}": {{}}}}}}', "").jobs[JOB].state == "?"


def refusals() -> list[str]:
    return [err.strip() for code, _, err in recorded("qsub_refusals.txt") if code]


def test_no_recorded_refusal_is_taken_for_a_server_that_is_away() -> None:
    said = [words for words in refusals() if "cannot connect" not in words]
    assert len(said) > 5
    assert [words for words in said if is_for_now(words)] == []
    assert all(remedy_for(words) for words in said)


@pytest.mark.parametrize(
    "words",
    [
        "Connection refused\nqsub: cannot connect to server polaris-pbs-01 (errno=15010)",
        "qsub did not answer within 120 s",
        "qsub: Communication failure.",
    ],
)
def test_a_server_that_is_away_refuses_for_now(words: str) -> None:
    assert is_for_now(words)


def test_a_full_queue_is_no_refusal_for_good() -> None:
    assert is_full("qsub: would exceed queue generic's per-user limit of jobs in 'Q' state")
    assert not is_full("qsub: Job violates queue and/or server resource limits")
