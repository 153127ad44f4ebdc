"""Checks adopted options against everything that `polaris_parsl.config` refuses or warns about."""

import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.configuration.workers import workers_of_node
from polaris_parsl.errors import AdoptError, OptionError, PolarisParslWarning
from polaris_parsl.options.checks import refuse_our_placeholder
from polaris_parsl.options.lookup import check_value
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.policy.policy import check_blocks_together, check_policy

_STAYS = ("account", "mode")
_PLACEHOLDERS = ("placeholder", "example's")


def check_like_config(
    entries: Sequence[Mapping[str, Any]], line: int, findings: AdoptFindings
) -> list[dict[str, Any]]:
    """Note each refusal and warning; return the options without values that are refused.

    A refused account stays, for without one nothing is accepted.

    Args:
        entries: the options of each executor.
        line: the line of the file that sets them.
        findings: the list that the notes are added to.

    Raises:
        AdoptError: the executors could not run together whatever is left out.
    """
    kept, in_blocks = [], []
    for entry in entries:
        accepted = _without_refused(entry, line, findings)
        accepted = _without_misfits(accepted, line, findings)
        for rule, check in _CHECKS:
            _try(rule, partial(check, accepted), line, findings)
        if account := accepted.get("account"):
            _try("PP103", partial(refuse_our_placeholder, account), line, findings)
        if (options := _parse(accepted)).mode != "inside_job":
            in_blocks.append(options)
        kept.append({name: each for name, each in entry.items() if name in (*accepted, *_STAYS)})
    try:
        check_blocks_together(in_blocks)
    except OptionError as error:
        raise AdoptError(
            f"line {line} asks for executors that cannot run together: {error.problem}",
            remedy=error.remedy,
        ) from error
    return kept


def _without_misfits(entry: dict[str, Any], line: int, findings: AdoptFindings) -> dict[str, Any]:
    """Leave out what does not fit the rest, or makes a job that the queue refuses; note each."""
    while found := _refusal(entry):
        rule, error = found
        named = [name for name in reversed(list(OPTIONS)) if _is_named(name, entry, error)]
        sets = (set(each) for size in range(1, len(named)) for each in combinations(named, size))
        out = next((each for each in sets if _refusal(_less(entry, each)) is None), set(named))
        out = out or entry.keys() - set(_STAYS)
        entry = _less(entry, out)
        left = " and ".join(name for name in OPTIONS if name in out)
        remedy = f"left out: {left}; {error.remedy}"
        findings.add(_rule(rule, error.problem), line, error.problem, remedy)
    return entry


def _less(entry: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in names}


def _is_named(name: str, entry: Mapping[str, Any], error: OptionError) -> bool:
    """Whether a refusal is about an option, by its name or its value."""
    if name not in entry or name in _STAYS:
        return False
    value = entry[name]
    is_quoted = isinstance(value, str) and bool(value) and value in error.problem
    return is_quoted or bool(re.search(rf"\b{name}\b", f"{error.problem} {error.remedy}"))


def _refusal(entry: Mapping[str, Any]) -> tuple[str, OptionError] | None:
    """Why `config` would refuse options that are right by themselves, and under which rule."""
    with warnings.catch_warnings(action="ignore", category=PolarisParslWarning):
        for rule, check in _CHECKS:
            try:
                check(entry)
            except OptionError as error:
                return rule, error
    return None


def _check_fit(entry: Mapping[str, Any]) -> None:
    workers_of_node(_parse(entry))


def _check_queue(entry: Mapping[str, Any]) -> None:
    if (options := _parse(entry)).mode != "inside_job":
        check_policy(options)


_CHECKS = (("PP105", _check_fit), ("PP104", _check_queue))


def _parse(entry: Mapping[str, Any]) -> ExecutorOptions:
    # the account is looked at by itself
    return ExecutorOptions.parse({**entry, "account": "unknown"})


def _without_refused(
    entry: Mapping[str, Any], line: int, findings: AdoptFindings
) -> dict[str, Any]:
    return {
        name: value
        for name, value in entry.items()
        if _try("PP105", partial(check_value, name, value), line, findings)
    }


def _try(rule: str, check: Callable[[], object], line: int, findings: AdoptFindings) -> bool:
    """Whether a check passes; notes its refusal and its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PolarisParslWarning)
        try:
            check()
        except OptionError as error:
            findings.add(_rule(rule, error.problem), line, error.problem, error.remedy)
            return False
    for warning in caught:
        text = str(warning.message)
        findings.add(_rule(rule, text), line, text, "look into it before you submit")
    return True


def _rule(rule: str, text: str) -> str:
    return "PP103" if any(word in text for word in _PLACEHOLDERS) else rule
