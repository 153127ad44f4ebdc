"""The release of Parsl: tested or not, and whether it still has what polaris_parsl uses of its inside."""

from collections.abc import Iterator

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.version import NAME


def look_at_parsl(here: Here) -> Iterator[DoctorFinding]:
    """The Parsl of the user's Python is tested, and has what polaris_parsl uses of its inside."""
    if here.python is None:
        yield problem("there is no `python` on PATH", f"`module load {NAME}`")
        return
    # a Python that does not answer is a problem of the check before
    if isinstance(here.answer, str):
        yield unknown(here.answer)
        return
    found = here.answer.release
    if "error" in found:
        yield unknown(f"{here.python} does not say which Parsl it has: {found['error']}")
        return
    if found["refusal"]:
        yield problem(*found["refusal"])
        return
    for text in found["warned"]:
        yield note(text)
    if not found["warned"]:
        version = here.answer.parsl["version"]
        yield ok(f"Parsl {version} is tested, and has all that polaris_parsl uses of it")
