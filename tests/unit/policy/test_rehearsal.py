import pytest

from polaris_parsl.errors import OptionError
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.policy.policy import check_policy

SHORT = {"account": "datascience", "queue": "debug", "walltime": "0:00:30"}


def test_a_short_walltime_is_taken_in_a_sandbox_that_lowers_the_minimum_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = ExecutorOptions.parse(SHORT)
    monkeypatch.delenv("POLARIS_PARSL_SANDBOX", raising=False)
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_MIN_WALLTIME", "20")
    with pytest.raises(OptionError, match="0:05:00"):
        check_policy(options)
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX", "/tmp/state")
    check_policy(options)
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_MIN_WALLTIME", "40")
    with pytest.raises(OptionError, match="0:05:00"):
        check_policy(options)
    monkeypatch.delenv("POLARIS_PARSL_SANDBOX_MIN_WALLTIME")
    with pytest.raises(OptionError, match="0:05:00"):
        check_policy(options)
