"""The executors that a call asks for, checked against everything that is known."""

from collections.abc import Mapping
from typing import Any

from polaris_parsl.driver import Driver
from polaris_parsl.errors import warn
from polaris_parsl.options.resolve import ExecutorRequest, resolve
from polaris_parsl.policy.policy import check_blocks_together, check_policy


def check_request(user_opts: Mapping[str, Any], driver: Driver) -> list[ExecutorRequest]:
    """The executors that a call asks for, checked against all that is known.

    Warns where the environment of the driver does not fit its interpreter.

    Args:
        user_opts: as for `config`.
        driver: the process that builds the configuration.

    Raises:
        OptionError: as `config` does.
    """
    for doubt in driver.doubts:
        warn(doubt)
    requests = resolve(user_opts, driver)
    if requests[0].options.mode != "inside_job":
        for request in requests:
            check_policy(request.options)
        check_blocks_together([request.options for request in requests])
    return requests
