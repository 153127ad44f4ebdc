from pathlib import Path

import pytest

import builder
import polaris_parsl
from polaris_parsl import errors
from polaris_parsl.env.base.drift import Verdict
from polaris_parsl.errors import ExitCode

README = Path(__file__).parents[2] / "README.md"


def test_the_table_in_the_readme_is_made_from_the_exit_codes() -> None:
    rows = "".join(f"| {code} | {code.meaning} |\n" for code in ExitCode)
    assert f"\n| code | meaning |\n|---|---|\n{rows}\n" in README.read_text()


def test_every_error_has_an_exit_code_of_its_own() -> None:
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PolarisParslError)
    ]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes) > 5
    assert all(isinstance(code, ExitCode) for code in codes)
    others = {ExitCode.DONE, ExitCode.USAGE, ExitCode.QUEUES, ExitCode.ACCESS, ExitCode.PROBLEM}
    assert {*codes} | others | {*Verdict} == {*ExitCode}
    assert not {*codes} & (others | {*Verdict})


def test_the_bootstrap_returns_the_same_exit_codes() -> None:
    bootstrap = builder.load_bootstrap()
    own = (bootstrap.FAILED, bootstrap.BASE, bootstrap.LOCK, bootstrap.CACHE)
    assert own == (ExitCode.FAILED, ExitCode.BASE, ExitCode.LOCK, ExitCode.PREFIX)


def test_an_error_reads_problem_first_and_then_the_remedy() -> None:
    error = errors.OptionError("walltime='1h' is not a time", remedy="write 1:00:00")
    assert str(error) == "walltime='1h' is not a time\n  fix: write 1:00:00"


def test_a_warning_points_at_the_line_of_the_user(tmp_path: Path) -> None:
    with pytest.warns(errors.PolarisParslWarning) as caught:
        polaris_parsl.config(
            account="datascience", address="10.0.0.1", run_dir=tmp_path, encrypted=False
        )
    assert [warning.filename for warning in caught] == [__file__]
