"""Checks adopted options against everything that `polaris_parsl.config` refuses or warns about."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.configuration.workers import workers_of_node
from polaris_parsl.errors import OptionError, PolarisParslWarning
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.table import check_value
from polaris_parsl.policy.policy import check_blocks_together, check_policy

_OF_THE_JOB = ("account", "queue", "walltime", "nodes_per_block", "scheduler_options", "mode")
_STAYS = ("account",)
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
    """
    in_blocks, kept = [], []
    for entry in entries:
        accepted = _without_refused(entry, line, findings)
        kept.append({name: each for name, each in entry.items() if name in (*accepted, *_STAYS)})
        options = _parse(accepted, line, findings)
        if options is not None:
            _try("PP105", partial(workers_of_node, options), line, findings)
        else:  # two values contradict each other; the job may have further mistakes
            job = {name: value for name, value in accepted.items() if name in _OF_THE_JOB}
            options = _parse(job, line, findings)
        if options is not None and options.mode != "inside_job":
            in_blocks.append(options)
    for options in in_blocks:
        _try("PP104", partial(check_policy, options), line, findings)
    _try("PP104", partial(check_blocks_together, in_blocks), line, findings)
    return kept


def _without_refused(
    entry: Mapping[str, Any], line: int, findings: AdoptFindings
) -> dict[str, Any]:
    return {
        name: value
        for name, value in entry.items()
        if _try("PP105", partial(check_value, name, value), line, findings)
    }


def _parse(entry: Mapping[str, Any], line: int, findings: AdoptFindings) -> ExecutorOptions | None:
    found: list[ExecutorOptions] = []
    # A refused account is already noted; check the other options anyway.
    _try(
        "PP105",
        lambda: found.append(ExecutorOptions.parse({"account": "unknown", **entry})),
        line,
        findings,
    )
    return found[0] if found else None


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
