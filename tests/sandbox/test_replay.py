import os

import pytest

import replay

RECORDINGS = sorted(replay.FOLDER.glob("*.txt"))


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_the_sandbox_answers_recorded_commands_as_openpbs_did_but_where_it_is_known(
    start, environment
):
    environment.pop("POLARIS_PARSL_SANDBOX_MIN_WALLTIME")
    environment |= {"USER": replay.USER, "LOGNAME": replay.USER}
    outcomes: list[replay.Outcome] = []
    for path in RECORDINGS:
        sandbox = start(nodes=12)
        outcomes += replay.Replay(sandbox.state, sandbox.work, sandbox.environment).run(path)
        sandbox.close()
    print(replay.table(outcomes))  # noqa: T201 - for who runs it alone
    unexplained = {o.step.name: o.differences for o in outcomes if o.differences and not o.reason}
    assert unexplained == {}
    notes = replay.notes()
    differ = {outcome.step.name for outcome in outcomes if outcome.differences}
    assert set(notes["not_reproduced"]) - differ == set(), "these are as recorded now"
    names = {outcome.step.name for outcome in outcomes}
    assert (notes["left_out"].keys() | notes["before"].keys()) <= names
    assert sum(outcome.is_as_recorded for outcome in outcomes) > len(outcomes) / 2
    if "POLARIS_PARSL_WRITE_REPLAY" in os.environ:
        replay.PAGE.write_text(replay.page(outcomes))
    assert replay.PAGE.read_text() == replay.page(outcomes)


def test_a_recording_is_read_whole():
    for path in RECORDINGS:
        assert len(replay.steps(path)) == path.read_text().count("\nexit code: ")
