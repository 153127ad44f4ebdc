"""Parses walltime, select and place, and refuses what PBS refuses."""

from dataclasses import dataclass
from datetime import timedelta

from polaris_parsl.pbs import walltime
from polaris_parsl.sandbox.pbs.refusal import BAD_VALUE, UNKNOWN_RESOURCE, Refusal

_NUMBERS = {"ncpus", "ngpus", "mpiprocs", "ompthreads"}
_TEXTS = {"mem", "vmem", "host", "vnode", "arch", "system"}
_JOB_WIDE = {
    "select", "place", "walltime", "filesystems", "ncpus", "ngpus", "mem", "vmem", "cput",
    "pmem", "pvmem", "software", "nice", "min_walltime", "max_walltime", "mpiprocs",
}  # fmt: skip
_PLACES = {"free", "pack", "scatter", "vscatter"}
_SHARING = {"excl", "exclhost", "shared"}


@dataclass(frozen=True)
class Chunk:
    """One chunk of a select, with the resources as the user wrote them."""

    resources: tuple[tuple[str, str], ...]

    def amount(self, name: str) -> int:
        """How much of a countable resource the chunk requests; ncpus defaults to 1."""
        return int(dict(self.resources).get(name, "1" if name == "ncpus" else "0"))

    @property
    def written(self) -> str:
        """The resources as exec_vnode shows them."""
        shown = [
            (name, value) for name, value in self.resources if name in {"ncpus", "ngpus", "mem"}
        ]
        if "ncpus" not in dict(shown):
            shown.append(("ncpus", "1"))
        return ":".join(f"{name}={value}" for name, value in shown)


def read_walltime(text: str) -> int:
    """Seconds of "[[HH:]MM:]SS".

    Raises:
        Refusal: the text has another form.
    """
    try:
        return int(walltime.read_walltime(text).total_seconds())
    except ValueError as error:
        problem = "Illegal attribute or resource value Resource_List.walltime"
        raise Refusal(BAD_VALUE, problem) from error


def show_walltime(seconds: int) -> str:
    """A walltime as PBS prints it."""
    return walltime.write_padded_walltime(timedelta(seconds=seconds))


def read_select(text: str) -> tuple[Chunk, ...]:
    """The chunks of "N:name=value:...+M:...", one by one.

    Raises:
        Refusal: the text is malformed, or names a resource that no node has.
    """
    chunks: list[Chunk] = []
    for part in text.split("+"):
        words = part.split(":")
        count = 1
        if words[0].isdigit():
            count = int(words.pop(0))
        if count < 1 or (not words and not part):
            raise Refusal(BAD_VALUE, "Illegal attribute or resource value Resource_List.select")
        chunks += [Chunk(tuple(_resource(word) for word in words))] * count
    return tuple(chunks)


def _resource(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise Refusal(BAD_VALUE, "Illegal attribute or resource value Resource_List.select")
    if name not in _NUMBERS | _TEXTS:
        raise Refusal(UNKNOWN_RESOURCE, f"Unknown resource: {name}")
    if name in _NUMBERS and not value.isdigit():
        raise Refusal(BAD_VALUE, f"Illegal attribute or resource value select.{name}")
    return name, value


def check_place(text: str) -> None:
    """Refuse an unknown placement.

    Raises:
        Refusal: PBS does not know it.
    """
    words = text.split(":")
    for word in words:
        if word not in _PLACES | _SHARING and not word.startswith("group="):
            raise Refusal(BAD_VALUE, "Illegal attribute or resource value Resource_List.place")


def check_names(resources: dict[str, str]) -> None:
    """Refuse an unknown job-wide resource.

    Raises:
        Refusal: the server does not know it.
    """
    for name in resources:
        if name not in _JOB_WIDE:
            raise Refusal(UNKNOWN_RESOURCE, f"Unknown resource Resource_List.{name}")
