"""Sorts users' "#PBS ..." lines: which can stay, which cannot, which are missing."""

from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.directives import read_scheduler_options, resources


def sort_scheduler_lines(text: str, line: int, findings: AdoptFindings) -> str:
    """The lines that can stay as scheduler_options, naming only filesystems that exist.

    Args:
        text: the lines; those that begin with "#PBS" count.
        line: their line in the file.
        findings: the list that the notes are added to.
    """
    kept = []
    for entry in (each.strip() for each in text.splitlines()):
        if not entry:
            continue
        try:
            read_scheduler_options("scheduler_options", entry)
        except OptionError as error:
            findings.add("PP106", line, error.problem, f"left out; {error.remedy}")
        else:
            kept.append(_without_gone_filesystems(entry, line, findings))
    asked = resources(read_scheduler_options("scheduler_options", "\n".join(kept)))
    if "filesystems" not in asked:
        default = f"#PBS -l filesystems={polaris().default_filesystems}"
        findings.add(
            "PP102",
            line,
            "PBS refuses a job without them",
            f"the call requests the usual ones: {default}",
        )
        kept.append(default)
    return "\n".join(kept)


def _without_gone_filesystems(entry: str, line: int, findings: AdoptFindings) -> str:
    facts = polaris()
    names = resources(read_scheduler_options("scheduler_options", entry)).get("filesystems", "")
    gone = [name for name in names.split(":") if name in facts.doubtful_filesystems]
    if not gone:
        return entry
    left = [name for name in names.split(":") if name not in gone]
    for name in gone:
        findings.add(
            "PP101",
            line,
            f"{name!r} in filesystems={names}",
            f"left out; {facts.system} has {', '.join(facts.filesystems)}",
        )
    return entry.replace(names, ":".join(left) or facts.default_filesystems)
