"""`-W depend=afterok:ID`: jobs that wait for the end of others."""

from collections.abc import Callable, Iterator

from polaris_parsl.sandbox.pbs.identifier import key_in
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.refusal import BAD_VALUE, Refusal

# Whether a job that others wait for lets them go on, by the kind of their waiting; None: not yet.
_KINDS: dict[str, Callable[[Job], bool | None]] = {
    "after": lambda job: job.stime is not None or (False if job.is_finished else None),
    "afterany": lambda job: True if job.is_finished else None,
    "afterok": lambda job: job.exit_status == 0 if job.is_finished else None,
    "afternotok": lambda job: job.exit_status != 0 if job.is_finished else None,
}


def read_dependencies(text: str, find: Callable[[str], Job]) -> str:
    """The value of depend as PBS shows it, with full ids.

    Raises:
        Refusal: it is malformed, of a kind that is not imitated, or names an unknown job.
    """
    parts = []
    for kind, keys in _parts(text):
        ids = ":".join(find(key).id for key in keys)
        parts.append(f"{kind}:{ids}")
    return ",".join(parts)


def may_go(job: Job, find: Callable[[str], Job]) -> bool | None:
    """Whether what a job waits for has come; False if it can come no more, None if not yet."""
    verdicts = []
    for kind, keys in _parts(job.depend):
        for key in keys:
            try:
                verdicts.append(_KINDS[kind](find(key)))
            except Refusal:  # it is out of the history
                verdicts.append(kind in {"after", "afterany"})
    if False in verdicts:
        return False
    return None if None in verdicts else True


def _parts(text: str) -> Iterator[tuple[str, list[str]]]:
    for part in text.split(","):
        kind, *ids = part.split(":")
        keys = [key for key in map(key_in, ids) if key is not None]
        if kind not in _KINDS or not ids or len(keys) < len(ids):
            raise Refusal(BAD_VALUE, "Illegal attribute or resource value depend")
        yield kind, keys
