"""The release of Parsl: tested or not, and whether it still has what polaris_parsl uses of its inside."""

import json
from collections.abc import Iterator

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.process import NoAnswerError
from polaris_parsl.version import NAME

_ASK = """
import json, warnings
import polaris_parsl
from importlib.metadata import version
refusal = None
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always", polaris_parsl.PolarisParslWarning)
    try:
        polaris_parsl.config
    except polaris_parsl.PolarisParslError as error:
        refusal = [error.problem, error.remedy]
warned = [str(each.message) for each in warned
          if issubclass(each.category, polaris_parsl.PolarisParslWarning)]
print(json.dumps({"parsl": version("parsl"), "refusal": refusal, "warned": warned}))
"""


def look_at_parsl(here: Here) -> Iterator[DoctorFinding]:
    """The Parsl of the user's Python is tested, and has what polaris_parsl uses of its inside."""
    if here.python is None:
        yield problem("there is no `python` on PATH", f"`module load {NAME}`")
        return
    try:
        done = here.run_python(_ASK)
        answer = json.loads(done.stdout.strip().rpartition("\n")[2])
    except NoAnswerError as error:
        yield unknown(str(error))
        return
    except ValueError:
        why = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        yield unknown(f"{here.python} does not say which Parsl it has: {why}")
        return
    if answer["refusal"]:
        yield problem(*answer["refusal"])
        return
    for text in answer["warned"]:
        yield note(text)
    if not answer["warned"]:
        yield ok(f"Parsl {answer['parsl']} is tested, and has all that polaris_parsl uses of it")
