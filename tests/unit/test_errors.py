import re
from pathlib import Path

import pytest

import polaris_parsl
from polaris_parsl import errors

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_lists_the_exit_code_of_every_error() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)}
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.PolarisParslError)
    ]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    # 0 is success, 2 a command line that is wrong
    assert listed == {0, 2, *codes}


def test_an_error_reads_problem_first_and_then_the_remedy() -> None:
    error = errors.OptionError("walltime='1h' is no time", remedy="write 1:00:00")
    assert str(error) == "walltime='1h' is no time\n  fix: write 1:00:00"


def test_a_warning_points_at_the_line_of_the_user(tmp_path: Path) -> None:
    with pytest.warns(errors.PolarisParslWarning) as caught:
        polaris_parsl.config(
            account="datascience", address="10.0.0.1", run_dir=tmp_path, start_method="spawn"
        )
    assert [warning.filename for warning in caught] == [__file__]
