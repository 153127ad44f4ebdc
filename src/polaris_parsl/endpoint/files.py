"""The files of an endpoint, from the options of `polaris_parsl.config`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polaris_parsl.driver import Driver
from polaris_parsl.endpoint.engine import configuration
from polaris_parsl.endpoint.environment import PROGRAM, Environment
from polaris_parsl.endpoint.schema import render_schema
from polaris_parsl.endpoint.template import render
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.resolve import ExecutorRequest
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.policy.request import check_request
from polaris_parsl.version import VERSION

TEMPLATE = "user_config_template.yaml.j2"
SCHEMA = "user_config_schema.json"


@dataclass(frozen=True)
class EndpointFiles:
    """The texts of the two files that define an endpoint's configuration and its choices."""

    template: str
    schema: str


def endpoint_files(
    user_opts: Mapping[str, Any], environment: Environment, *, choices: Iterable[str] = ()
) -> EndpointFiles:
    """The template and the schema of an endpoint on a login node, which requests blocks from PBS.

    The values are those of `polaris_parsl.config`, except that the endpoint requests no block at
    the start unless init_blocks is set: an idle endpoint holds no nodes.

    Args:
        user_opts: options as for `polaris_parsl.config`.
        environment: the environment of the endpoint and its workers.
        choices: options that users of the endpoint may set; the values here are their defaults.

    Raises:
        OptionError: as for `polaris_parsl.config`; or an endpoint does not support an option.
    """
    _refuse_without_meaning(user_opts)
    driver = Driver.current()
    options = _one(check_request({**user_opts, "mode": "blocks"}, driver))
    chosen = frozenset(choices)
    schema = render_schema(options, chosen)
    table = configuration(options, driver, environment, choices=chosen)
    return EndpointFiles(render(table, head=_head(environment)), schema)


def _refuse_without_meaning(user_opts: Mapping[str, Any]) -> None:
    mode = user_opts.get("mode")
    if mode not in (None, "blocks"):
        raise OptionError(
            f"mode={mode!r}, but an endpoint runs on a login node and requests blocks from PBS",
            remedy="leave mode out",
        )
    for name, option in OPTIONS.items():
        if option.not_for_endpoint and user_opts.get(name) is not None:
            raise OptionError(
                f"{name}={user_opts[name]!r} has no meaning for an endpoint: "
                f"{option.not_for_endpoint}",
                remedy=f"leave {name} out",
            )


def _one(requests: list[ExecutorRequest]) -> ExecutorOptions:
    if len(requests) > 1:
        labels = ", ".join(request.options.label for request in requests)
        raise OptionError(
            f"executors has {len(requests)} executors ({labels}); an endpoint has one",
            remedy="write a template of an endpoint for each, with its options",
        )
    (request,) = requests
    if "init_blocks" in request.sources:
        return request.options
    return replace(request.options, init_blocks=request.options.min_blocks)


def _head(environment: Environment) -> Iterable[str]:
    tested = " and ".join(
        f"{release} with Parsl {parsl}"
        for release, parsl in polaris().globus_compute.tested.items()
    )
    return [
        f"Made by polaris-parsl {VERSION}; do not edit.",
        f"For {PROGRAM} {environment.release} with Parsl {environment.parsl}.",
        f"Tested with {PROGRAM} {tested}.",
    ]
