"""Translates what a file does with Parsl into the equal call of `polaris_parsl.config`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.adopt.arguments import complete, note_untranslated
from polaris_parsl.adopt.checking import check_like_config
from polaris_parsl.adopt.executors import read_executor
from polaris_parsl.adopt.python_file import ParslCall, Recording
from polaris_parsl.adopt.rules import AdoptFinding, AdoptFindings
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.checks import PLACEHOLDER_PATHS
from polaris_parsl.options.lookup import handed_to
from polaris_parsl.options.table import OPTIONS
from polaris_parsl.pbs.walltime import read_walltime, write_walltime
from polaris_parsl.policy.run_dir import filesystem_of

_ALWAYS = ("account", "queue")
_RUN = handed_to("config")
_PATH = re.compile(r"(?<![\w.~$}/])/[\w.+@%/-]+")
_CD = re.compile(r"cd\s+[\"']?([^\s\"';&|]+)[\"']?/?")
_CHECKPOINTS = {"memoizer", "checkpoint_mode", "checkpoint_files", "checkpoint_period"}


@dataclass(frozen=True)
class Adopted:
    """A configuration as options of `polaris_parsl.config`.

    Attributes:
        line: the line of the file that makes it.
        options: options of `polaris_parsl.config`, without its defaults.
        findings: mistakes in the file, and changes.
        uses_nodes: whether an executor of it uses compute nodes; if not, there is no call.
    """

    line: int
    options: Mapping[str, Any]
    findings: Sequence[AdoptFinding]
    uses_nodes: bool = True


def translate(recording: Recording) -> list[Adopted]:
    """The options that equal each configuration of a file.

    Raises:
        AdoptError: a configuration is for another scheduler.
    """
    return [_translate(config, recording.apps_without_cache) for config in recording.configs]


def adopted(line: int, entries: Sequence[Mapping[str, Any]], findings: AdoptFindings) -> Adopted:
    """Check options as `polaris_parsl.config` would, and leave out its defaults.

    Args:
        line: the line of the file that sets them.
        entries: the options of each executor.
        findings: the list that refusals are added to.
    """
    accepted = check_like_config(entries, line, findings)
    short = [_short(entry) for entry in accepted]
    findings.sort(key=lambda finding: (finding.line, finding.rule))
    return Adopted(line, _in_one_call(short), tuple(findings))


def _translate(config: ParslCall, apps_without_cache: Sequence[int]) -> Adopted:
    findings = AdoptFindings()
    arguments = complete(config, ("retries",))
    run = {
        name: arguments[name] for name in _RUN if isinstance(arguments.get(name), str | int | float)
    }
    if "strategy" in arguments and arguments["strategy"] is None:
        run["strategy"] = "none"
    if any(place in str(run.get("run_dir", "")) for place in PLACEHOLDER_PATHS):
        findings.add("PP103", config.line, f"run_dir={run.pop('run_dir')!r}", "left out")
    _note_gone(config.line, "run_dir", run, findings)
    if _CHECKPOINTS & arguments.keys():
        for line in apps_without_cache:
            findings.add(
                "PP503", line, "checkpoints leave out the results of this app", "add cache=True"
            )
    note_untranslated(config, arguments, {*_RUN, "executors", "memoizer"}, findings)
    found = arguments.get("executors")
    calls = (
        [each for each in found if isinstance(each, ParslCall)] if isinstance(found, list) else []
    )
    read = [read_executor(each, findings, is_alone=len(calls) == 1) for each in calls]
    entries = [{**run, **_plain(entry)} for entry in read if entry is not None]
    if calls and not entries:
        return Adopted(config.line, {}, tuple(findings), uses_nodes=False)
    for entry in entries:
        _note_gone(config.line, "worker_init", entry, findings)
        _keep_folder(entry, config.line, findings)
    return adopted(config.line, entries or [run], findings)


def _note_gone(line: int, name: str, entry: dict[str, Any], findings: AdoptFindings) -> None:
    """Note paths on filesystems that the system no longer lists; a run_dir on one is left out."""
    facts = polaris()
    for path in dict.fromkeys(_PATH.findall(str(entry.get(name, "")))):
        gone = filesystem_of(Path(path))
        if gone in facts.doubtful_filesystems:
            remedy = "look for it elsewhere: the call keeps the line"
            if name == "run_dir":
                del entry["run_dir"]
                remedy = f"left out; {facts.system} has {', '.join(facts.filesystems)}"
            findings.add("PP101", line, f"{gone!r} in {name}, {path}", remedy)


def _keep_folder(entry: dict[str, Any], line: int, findings: AdoptFindings) -> None:
    """Note a `cd` of worker_init; leave it out where it leads to run_dir, where tasks start anyway."""
    kept = []
    for command in str(entry.get("worker_init", "")).splitlines():
        folder = _CD.fullmatch(command)
        if folder and folder[1] == entry.get("run_dir"):
            continue
        if folder:
            findings.add(
                "PP310",
                line,
                f"`{command}`",
                "the call's tasks start in run_dir: give that, or full paths",
            )
        kept.append(command)
    if kept or "worker_init" in entry:
        entry["worker_init"] = "\n".join(kept)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without the values that are known only when the file really runs."""
    plain = {
        name: value
        for name, value in options.items()
        if isinstance(value, str | int | float | list | tuple)
    }
    walltime = plain.get("walltime")
    if isinstance(walltime, str):
        plain["walltime"] = as_config_takes(walltime)
    return plain


def as_config_takes(walltime: str) -> str:
    """A walltime that PBS reads, as H:MM:SS; as it is where PBS would refuse it."""
    try:
        return write_walltime(read_walltime(walltime))
    except ValueError:
        return walltime


def _short(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The options in the order of the documentation, without polaris_parsl's defaults."""
    kept = [*_ALWAYS, "nodes_per_block"] if entry.get("mode") == "inside_job" else _ALWAYS
    return {
        name: entry[name]
        for name, option in OPTIONS.items()
        if name in entry
        and name != "mode"
        and (name in kept or entry[name] != option.default_value)
    }


def _in_one_call(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The options of one call: those of all executors, and `executors` if there are several."""
    first, *others = entries
    if not others:
        return dict(first)
    common = {
        name: value
        for name, value in first.items()
        if name != "label" and all(name in each and each[name] == value for each in others)
    }
    special = {
        str(entry.get("label", f"executor{number}")): {
            name: value
            for name, value in entry.items()
            if name not in common and name != "label" and not OPTIONS[name].is_for_run
        }
        for number, entry in enumerate(entries, 1)
    }
    return {**common, "executors": special}
