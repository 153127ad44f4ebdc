"""Job arrays: `qsub -J 0-9:3%2` gives one job, whose subjobs start one by one.

An array is a job that never runs itself. Subjobs that wait are made when somebody asks for one, and kept
from when they start, or are deleted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import UNKNOWN_JOB, USAGE, Refusal

# What stands for the index in the paths of outputs.
_PLACE = "^array_index^"
_RANGE = re.compile(r"(\d+)-(\d+)(?::(\d+))?(?:%(\d+))?")
# OpenPBS's own limit of an array; that of Polaris is not known.
_MOST_SUBJOBS = 10_000
_BEGUN_SUBSTATE = 70


def read_range(text: str) -> tuple[list[int], int]:
    """The indices of `-J FIRST-LAST[:STEP][%MOST]`, and how many may run at once; 0: as many as can.

    Raises:
        Refusal: it has another form, or is too long.
    """
    match = _RANGE.fullmatch(text)
    first, last, step, most = (int(each or 0) for each in match.groups()) if match else (0,) * 4
    indices = range(first, last + 1, step or 1)
    is_wrong = match is None or last <= first or (match[3] and not step) or (match[4] and not most)
    if is_wrong:
        raise Refusal(USAGE, f"illegal -J value {text}")
    if len(indices) > _MOST_SUBJOBS:
        raise Refusal(USAGE, f"Array job exceeds server or queue size limit of {_MOST_SUBJOBS}")
    return list(indices), most


def make_array(job: Job, text: str) -> None:
    """Let a job be an array.

    Raises:
        Refusal: of what -J says, or as it was submitted with `-r n`.
    """
    indices, job.most_running = read_range(text)
    if job.rerunnable == "False":
        raise Refusal(USAGE, "cannot submit non-rerunable Array Job")
    job.array, job.remaining = text.partition("%")[0], indices
    job.id = f"{job.key}.{polaris().pbs_server}"
    for name in ("output_path", "error_path"):
        path = getattr(job, name)
        if _PLACE not in path:
            setattr(job, name, f"{path}.{_PLACE}")
    count(job, ())


def subjob(array: Job, index: int) -> Job:
    """A subjob that waits."""
    made = replace(
        array, array="", remaining=[], most_running=0, index=index, depend="", counts="",
        state="Q", substate=10, comment=None, stime=None,
        output_path=array.output_path.replace(_PLACE, str(index)),
        error_path=array.error_path.replace(_PLACE, str(index)),
    )  # fmt: skip
    made.id = f"{made.key}.{polaris().pbs_server}"
    return made


def waiting(array: Job, key: str) -> Job:
    """The subjob of that key that waits.

    Raises:
        Refusal: the array has none.
    """
    for index in array.remaining:
        if f"{array.number}[{index}]" == key:
            return subjob(array, index)
    raise Refusal(UNKNOWN_JOB, f"Unknown Job Id {key}.{polaris().pbs_server}")


def subjobs(array: Job, jobs: Iterable[Job]) -> list[Job]:
    """All subjobs of an array, in their order."""
    made = [job for job in jobs if job.number == array.number and job.index is not None]
    made += [subjob(array, index) for index in array.remaining]
    return sorted(made, key=lambda job: job.index or 0)


def with_subjobs(shown: Iterable[Job], jobs: Sequence[Job]) -> Iterator[Job]:
    """Jobs, each array with its subjobs behind it: `qstat -t`."""
    for job in shown:
        yield job
        if job.array:
            yield from subjobs(job, jobs)


def may_begin_more(array: Job, made: Sequence[Job]) -> bool:
    """Whether one more subjob may start."""
    running = sum(job.state in "RE" for job in made)
    return (
        array.state in "QB"
        and not array.is_held
        and bool(array.remaining)
        and not 0 < array.most_running <= running
    )


def begin(array: Job, when: float, words: str) -> None:
    """The first subjob starts."""
    if array.state != "B":
        array.state, array.substate, array.stime = "B", _BEGUN_SUBSTATE, when
        array.comment = f"Job Array Began at {words}"


def count(array: Job, made: Sequence[Job]) -> None:
    """Count subjobs by their states, for qstat."""
    states = Counter(job.state for job in made)
    queued = len(array.remaining) + states["Q"] + states["H"]
    array.counts = (
        f"Queued:{queued} Running:{states['R']} Exiting:{states['E']} Expired:{states['X']}"
    )


def end(job: Job, array: Job | None) -> None:
    """A job ends; a subjob is in state X until its array ends, too, and no longer waits to start."""
    job.state = "F" if array is None or array.is_finished else "X"
    if array is not None and job.index in array.remaining:
        array.remaining.remove(job.index)


def is_over(array: Job, made: Sequence[Job]) -> bool:
    """Whether an array ends now: no subjob waits or runs."""
    return not (array.is_finished or array.remaining) and all(job.is_finished for job in made)


def exit_status(made: Sequence[Job]) -> int:
    """Of an array: 1 if a subjob failed or was deleted."""
    return int(any(job.exit_status != 0 for job in made))


def indices_remaining(array: Job) -> str:
    """Indices of subjobs that wait, as PBS writes them: "2-4,7", "-" for none."""
    parts: list[list[int]] = []
    for index in array.remaining:
        if parts and index == parts[-1][-1] + 1:
            parts[-1].append(index)
        else:
            parts.append([index])
    texts = (f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
    return ",".join(texts) or "-"
