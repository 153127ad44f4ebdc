"""From the values of all sources to one checked request for each executor of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError, set_in, warn
from polaris_parsl.options.lookup import check_value
from polaris_parsl.options.mode import choose_mode, nodes_of_job
from polaris_parsl.options.options import ExecutorOptions, refuse_unknown
from polaris_parsl.options.sources import Given, Source, gather, merge_with_preset
from polaris_parsl.options.table import OPTIONS


@dataclass(frozen=True)
class ExecutorRequest:
    """What one executor shall be.

    Attributes:
        options: the checked values.
        sources: who set which option; those not listed come from the facts.
        mode_reason: why this mode was taken.
    """

    options: ExecutorOptions
    sources: Mapping[str, Source]
    mode_reason: str


def resolve(arguments: Mapping[str, Any], driver: Driver) -> list[ExecutorRequest]:
    """The executors of a run, at least one.

    Args:
        arguments: what the caller of `polaris_parsl.config` gave.
        driver: the process that builds the configuration.

    Raises:
        OptionError: a name is unknown, a value cannot work, or values do not fit each other or
            the place.
    """
    refuse_unknown(arguments, known=OPTIONS)
    sources = gather(arguments, driver)
    for source in sources[1:]:
        with set_in(source.place("")):
            refuse_unknown(source.values, known=OPTIONS)
    common = merge_with_preset(sources)
    mode, reason = choose_mode(_value(common, "mode"), driver)
    entries = _entries(common)
    shares = _shares(entries, nodes_of_job(driver)) if mode == "inside_job" else [()] * len(entries)
    requests = []
    for entry, nodes in zip(entries, shares, strict=True):
        values = {name: given.value for name, given in entry.items()}
        if mode == "inside_job":
            values |= _one_block(values, len(nodes))
        options = ExecutorOptions.parse(
            {**values, "mode": mode},
            nodes=nodes,
            places={name: given.source.place(name) for name, given in entry.items()},
        )
        sources_of = {name: given.source for name, given in entry.items()}
        requests.append(ExecutorRequest(options, sources_of, reason))
    return requests


def _entries(common: Mapping[str, Given]) -> list[dict[str, Given]]:
    """The options of each executor, by the sources' rank and then the special before the common."""
    shared = {name: given for name, given in common.items() if name != "executors"}
    executors = common.get("executors")
    if executors is None or executors.value is None:
        return [shared]
    label = common.get("label")
    if label and label.source.rank <= executors.source.rank:
        raise OptionError(
            f"label={label.value!r} is given beside executors, whose keys are the labels",
            remedy=f"leave label out, or write executors={{{label.value!r}: {{...}}}}",
        )
    return [
        _entry(shared, label, special, executors.source)
        for label, special in _special(executors).items()
    ]


def _entry(
    shared: Mapping[str, Given], label: str, special: Mapping[str, Any], source: Source
) -> dict[str, Given]:
    entry = {**shared, "label": Given(label, source)}
    for name, value in special.items():
        if name not in shared or shared[name].source.rank >= source.rank:
            entry[name] = Given(value, source)
    return entry


def _special(executors: Given) -> Mapping[str, Mapping[str, Any]]:
    value = executors.value
    if (
        not isinstance(value, Mapping)
        or not value
        or not all(isinstance(each, Mapping) for each in value.values())
    ):
        raise OptionError(
            f"executors={value!r} is not a table of executors",
            remedy='give for each label the options that differ, such as executors={"gpu": {}, '
            '"cpu": {"available_accelerators": 0}}',
        )
    names = [name for name, each in OPTIONS.items() if not each.is_for_run and name != "label"]
    for label, special in value.items():
        for name in special:
            if name in OPTIONS and OPTIONS[name].is_for_run:
                raise OptionError(
                    f"executors[{label!r}] sets {name}, which holds for the whole run",
                    remedy=f"give {name} beside executors, not in it",
                )
        with set_in(executors.source.place("executors") or f"executors[{label!r}]"):
            refuse_unknown(special, known=names)
    return value


def _value(common: Mapping[str, Given], name: str) -> Any:
    given = common.get(name)
    return None if given is None else given.value


def _shares(
    entries: Sequence[Mapping[str, Given]], nodes: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """The nodes of the running job for each executor: as many as it asks for, or all that is left."""
    asked = [_count_of_nodes(entry.get("nodes_per_block")) for entry in entries]
    fixed = sum(count for count in asked if count is not None)
    left = len(nodes) - fixed
    if asked.count(None) > 1:
        raise OptionError(
            f"{asked.count(None)} of {len(asked)} executors do not say how many of the "
            f"{len(nodes)} nodes of this job they use",
            remedy="give nodes_per_block for all of them but one, which then gets the others",
        )
    if left < asked.count(None):
        raise OptionError(
            f"nodes_per_block adds up to {fixed + asked.count(None)} nodes or more, and this job "
            f"has {len(nodes)}",
            remedy="leave nodes_per_block out to use all nodes of the job, or start a larger job",
        )
    if left and None not in asked:
        warn(
            f"nodes_per_block uses {fixed} of the {len(nodes)} nodes of this job, the others idle; "
            "leave it out to use all",
        )
    shares, start = [], 0
    for count in asked:
        end = start + (left if count is None else count)
        shares.append(nodes[start:end])
        start = end
    return shares


def _count_of_nodes(given: Given | None) -> int | None:
    if given is None:
        return None
    with set_in(given.source.place("nodes_per_block")):
        return cast("int", check_value("nodes_per_block", given.value))


def _one_block(values: Mapping[str, Any], nodes: int) -> dict[str, int]:
    """The running job is the one block; more cannot be had from inside."""
    wanted = {
        name: values[name] for name in ("init_blocks", "min_blocks", "max_blocks") if name in values
    }
    with_more = {name: value for name, value in wanted.items() if value not in (0, 1)}
    for name, value in with_more.items():
        check_value(name, value)
        warn(f"{name}={value} is for blocks through PBS: this run has one, the running job")
    return {"nodes_per_block": nodes, **dict.fromkeys(with_more, 1)}
