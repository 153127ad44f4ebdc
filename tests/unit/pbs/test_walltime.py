from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polaris_parsl.pbs.walltime import (
    LONGEST,
    WRITTEN,
    read_walltime,
    write_padded_walltime,
    write_walltime,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:00:00", 3600),
        ("01:02:03", 3723),
        ("0:60:00", 3600),
        ("0:00:90", 90),
        ("30:00", 1800),
        ("90:00", 5400),
        ("90", 90),
        ("1:00:00.7", 3600),
        ("1:00:00.", 3600),
        ("168:00:00", 604800),
    ],
)
def test_a_text_is_read_as_pbs_reads_it(text: str, seconds: int) -> None:
    assert read_walltime(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", ":", "1:", ":30", "1h", "-1:00:00", "1:00:00:00", "1:00:00\n", " 1:00:00", "1.5:00:00",
     "\u0661:00:00", "9" * 5000],
)  # fmt: skip
def test_what_pbs_would_refuse_is_no_walltime(text: str) -> None:
    with pytest.raises(ValueError, match="not a walltime"):
        read_walltime(text)


def test_it_is_written_for_pbs_and_people_without_a_leading_zero_and_as_pbs_prints_it_with_one() -> (
    None
):
    written = [write_walltime(timedelta(minutes=each)) for each in (5, 90, 10080)]
    assert written == ["0:05:00", "1:30:00", "168:00:00"]
    printed = [write_padded_walltime(timedelta(minutes=each)) for each in (0, 90, 10080)]
    assert printed == ["00:00:00", "01:30:00", "168:00:00"]
    assert write_walltime(timedelta(seconds=59.9)) == "0:00:59"


@given(st.timedeltas(timedelta(0), LONGEST).map(lambda each: each - each % timedelta(seconds=1)))
def test_what_is_written_is_read_again(walltime: timedelta) -> None:
    text = write_walltime(walltime)
    assert WRITTEN.fullmatch(text)
    assert read_walltime(text) == read_walltime(write_padded_walltime(walltime)) == walltime
