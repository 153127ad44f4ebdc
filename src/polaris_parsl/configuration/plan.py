"""A call of `polaris_parsl.config`, worked out once: what is built, explained and recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from polaris_parsl.configuration.addresses import addresses_for_workers
from polaris_parsl.configuration.settings import (
    ExecutorSettings,
    Settings,
    executor_settings,
    run_settings,
)
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.options.resolve import ExecutorRequest
from polaris_parsl.policy.request import check_request


@dataclass(frozen=True)
class PlannedExecutor(ExecutorRequest):
    """A checked request with all that Parsl gets for it.

    Attributes:
        settings: the arguments of Parsl's objects.
        address_error: why this node has no address for workers; None if it has one.
    """

    settings: ExecutorSettings
    address_error: OptionError | None


@dataclass(frozen=True)
class Plan:
    """A run that `polaris_parsl.config` would build.

    Attributes:
        settings: the arguments of parsl.Config, without executors and memoizer.
        executors: at least one.
    """

    settings: Settings
    executors: tuple[PlannedExecutor, ...]


def plan(user_opts: Mapping[str, Any], driver: Driver) -> Plan:
    """What a call of `polaris_parsl.config` asks for, checked and worked out.

    Args:
        user_opts: as for `polaris_parsl.config`.
        driver: the process that builds the configuration.

    Raises:
        OptionError: as `config` does, but for addresses that this node lacks.
    """
    requests = check_request(user_opts, driver)
    executors = tuple(_planned(request, driver) for request in requests)
    return Plan(run_settings(requests[0].options), executors)


def _planned(request: ExecutorRequest, driver: Driver) -> PlannedExecutor:
    addresses, address_error = [], None
    try:
        addresses = addresses_for_workers(request.options)
    except OptionError as error:
        address_error = error
    settings = executor_settings(request.options, driver, addresses)
    if address_error:
        why = f"not known here: {address_error.problem}"
        settings = replace(settings, addresses=replace(settings.addresses, value=None, why=why))
    return PlannedExecutor(
        options=request.options,
        sources=request.sources,
        mode_reason=request.mode_reason,
        settings=settings,
        address_error=address_error,
    )
