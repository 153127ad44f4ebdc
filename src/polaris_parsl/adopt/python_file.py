"""Finds the Parsl configurations of a Python file by running it with Parsl replaced."""

import json
import logging
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.adopt.answer import Answer, read_answer
from polaris_parsl.errors import AdoptError
from polaris_parsl.process import NoAnswerError, run

# Size of the pretended job, for files that read PBS_NODEFILE: a number that files do not contain.
NODES_OF_PRETENDED_JOB = 7
_TIMEOUT_SECONDS = 60
_OUTPUT_BYTES = 16 << 20
_USES_US = re.compile(
    r"^\s*(import polaris_parsl|from polaris_parsl import|import .*\bpolaris_parsl\b)", re.MULTILINE
)
_OWN_FILE = "move its configuration into a file of its own, and adopt that"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParslCall:
    """A call of one of Parsl's classes or functions.

    Attributes:
        name: of the class or function.
        line: its line in the file.
        args: its arguments by position.
        arguments: its arguments by name, including those set after the call.
        later: names of arguments set after the call, as attributes.
    """

    name: str
    line: int
    args: tuple[Any, ...]
    arguments: Mapping[str, Any]
    later: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """A value other than text, number, list or call: the name of its type."""

    type_name: str


@dataclass(frozen=True)
class Recording:
    """What a file does with Parsl.

    Attributes:
        configs: the calls of parsl.Config.
        apps_without_cache: lines of the apps without cache=True.
    """

    configs: tuple[ParslCall, ...]
    apps_without_cache: tuple[int, ...]


def read_python_file(
    file: Path,
    text: str,
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> Recording:
    """The configurations that a Python file makes.

    The file runs in a process of its own, first as if outside a PBS job. confinement/ holds that
    process; docs/adopt.md says by what, and what is not held where the kernel lacks that.

    Args:
        file: the Python file.
        text: what is in it.
        given: values for parameters of its functions that make a configuration.
        environ: environment variables for the run; those of PBS are removed.
        arguments: of the file, as on its command line.

    Raises:
        AdoptError: the file makes no configuration, or fails before it does.
    """
    environ = {name: value for name, value in environ.items() if not name.startswith("PBS_")}
    outside = _record(file, text, given, environ, arguments)
    if any("PBSProProvider" in json.dumps(config) for config in outside["configs"]):
        return _recording(outside)
    with _pretended_job() as variables:
        inside = _record(file, text, given, {**environ, **variables}, arguments)
    if not inside["configs"]:
        raise _refusal(file, text, inside)
    return _recording(inside)


def _record(
    file: Path,
    text: str,
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    arguments: Sequence[str],
) -> Mapping[str, Any]:
    recorder = Path(__file__).with_name("recorder.py")
    command = [sys.executable, "-P", str(recorder), str(file.resolve())]
    command += [json.dumps(given), json.dumps(list(arguments))]
    try:
        done = run(
            command,
            env=environ,
            cwd=file.resolve().parent,
            stdin=text,
            timeout_seconds=_TIMEOUT_SECONDS,
            output_bytes=_OUTPUT_BYTES,
            own_session=True,
        )
    except NoAnswerError as error:
        problem = str(error).removeprefix(f"{sys.executable} ")
        raise AdoptError(f"{file}, when it was read, {problem}", remedy=_OWN_FILE) from error
    try:
        answer: Answer = read_answer(done.stdout)
    except ValueError as error:
        last = done.stderr.strip().rpartition("\n")[2][-400:]
        why = last or f"exit code {done.returncode}"
        raise AdoptError(
            f"{file} ended the process that read it: {why}", remedy=_OWN_FILE
        ) from error
    logger.info("%s was held by limits, %s", file, ", ".join(answer.held))
    return answer.recorded


@contextmanager
def _pretended_job() -> Iterator[dict[str, str]]:
    with tempfile.NamedTemporaryFile("w", prefix="nodes-") as nodefile:
        nodefile.writelines(f"node-{number}\n" for number in range(NODES_OF_PRETENDED_JOB))
        nodefile.flush()
        yield {"PBS_JOBID": "0.pretended", "PBS_NODEFILE": nodefile.name}


def _refusal(file: Path, text: str, recorded: Mapping[str, Any]) -> AdoptError:
    if _USES_US.search(text):
        return AdoptError(
            f"{file} uses polaris_parsl already, and has no configuration of Parsl to translate",
            remedy="run it; `polaris-parsl explain` shows what its options come to",
        )
    if "variable" in recorded:
        return AdoptError(
            f"{file} needs the environment variable {recorded['variable']}",
            remedy="set it as you do for your runs and run adopt again",
        )
    if "error" in recorded:
        return AdoptError(
            f"{file} fails before it makes a configuration of Parsl: {recorded['error']}",
            remedy=_OWN_FILE,
        )
    if recorded["lacking"]:
        return AdoptError(
            f"{file} makes its configuration in a function that needs arguments: "
            f"{', '.join(recorded['lacking'])}",
            remedy="give them after the file as NAME=VALUE",
        )
    if recorded.get("exited"):
        return AdoptError(
            f"{file} ends with exit code {int(recorded['exited'])} before it makes a configuration of "
            "Parsl, as for wrong arguments",
            remedy=f"give its arguments behind --, as `adopt {file.name} -- --account demo`",
        )
    return AdoptError(
        f"{file} makes no configuration of Parsl when it is run",
        remedy="give a Python file that calls parsl.Config, or a PBS job script",
    )


def _recording(recorded: Mapping[str, Any]) -> Recording:
    return Recording(
        tuple(_decode(config) for config in recorded["configs"]),
        tuple(recorded["apps_without_cache"]),
    )


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(each) for each in value]
    if isinstance(value, dict) and "call" in value:
        arguments = {name: _decode(each) for name, each in value["arguments"].items()}
        return ParslCall(
            value["call"],
            value["line"],
            tuple(_decode(value["args"])),
            arguments,
            tuple(value["later"]),
        )
    return Unknown(value["unknown"]) if isinstance(value, dict) else value
