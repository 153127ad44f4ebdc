"""`-W depend=afterok:ID`: jobs that wait for the end of others."""

from collections.abc import Callable, Iterator

from polaris_parsl.sandbox.pbs.identifier import number_in
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import BAD_VALUE, Refusal

# Whether a job that others wait for lets them go on, by the kind of their waiting; None: not yet.
_KINDS: dict[str, Callable[[Job], bool | None]] = {
    "after": lambda job: job.stime is not None or (False if job.is_finished else None),
    "afterany": lambda job: True if job.is_finished else None,
    "afterok": lambda job: job.exit_status == 0 if job.is_finished else None,
    "afternotok": lambda job: job.exit_status != 0 if job.is_finished else None,
}


def read_dependencies(text: str, find: Callable[[int], Job]) -> str:
    """The value of depend as PBS shows it, with full ids.

    Raises:
        Refusal: it is malformed, of a kind that is not imitated, or names an unknown job.
    """
    parts = []
    for kind, numbers in _parts(text):
        ids = ":".join(find(number).id for number in numbers)
        parts.append(f"{kind}:{ids}")
    return ",".join(parts)


def may_go(job: Job, find: Callable[[int], Job]) -> bool | None:
    """Whether what a job waits for has come; False if it can come no more, None if not yet."""
    verdicts = []
    for kind, numbers in _parts(job.depend):
        for number in numbers:
            try:
                verdicts.append(_KINDS[kind](find(number)))
            except Refusal:  # it is out of the history
                verdicts.append(kind in {"after", "afterany"})
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _parts(text: str) -> Iterator[tuple[str, list[int]]]:
    for part in text.split(","):
        kind, *ids = part.split(":")
        numbers = [number for number in map(number_in, ids) if number is not None]
        if kind not in _KINDS or not ids or len(numbers) < len(ids):
            raise Refusal(BAD_VALUE, "Illegal attribute or resource value depend")
        yield kind, numbers
