"""What is asked of the table of options: the check of one, and who gets which."""

from typing import Any

from polaris_parsl.options.option import Receiver
from polaris_parsl.options.table import OPTIONS

FOR_ENDPOINT_USERS = tuple(name for name, each in OPTIONS.items() if each.for_endpoint_users)


def handed_to(*receivers: Receiver) -> tuple[str, ...]:
    """The options that some of Parsl's objects get unchanged, under the same name."""
    return tuple(name for name, option in OPTIONS.items() if option.handed_to in receivers)


def check_value(name: str, value: Any) -> Any:
    """The final value of an option that one executor can have.

    Raises:
        OptionError: the value cannot work.
    """
    check = OPTIONS[name].check
    assert check, "the options of several executors are checked one by one"
    return check(name, value)
