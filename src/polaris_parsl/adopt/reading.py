"""Recognizes the kind of a file, reads its configurations and writes them as calls."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from polaris_parsl.adopt.endpoint_template import fill_in, is_template
from polaris_parsl.adopt.endpoint_yaml import is_endpoint, read_endpoint
from polaris_parsl.adopt.job_script import is_job_script, read_job_script
from polaris_parsl.adopt.kinds import code_of_notebook, is_python, what_it_is
from polaris_parsl.adopt.python_file import read_python_file
from polaris_parsl.adopt.rules import AdoptFindings
from polaris_parsl.adopt.translate import Adopted, translate
from polaris_parsl.errors import AdoptError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import read_regular
from polaris_parsl.text import in_line

_FILE_BYTES_MAX = 1 << 20


def adopt(
    file: Path,
    given: Mapping[str, Any],
    environ: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> list[Adopted]:
    """The configurations of a file, as options of `polaris_parsl.config`.

    Args:
        file: a Python file or notebook with a Parsl configuration, the YAML or template of a Globus
            Compute endpoint, or a PBS job script.
        given: values for parameters of its functions and methods that make a configuration, or for
            variables of the template.
        environ: environment variables for the run of a Python file.
        arguments: of the Python file, as on its command line.

    Raises:
        AdoptError: the file is none of these, makes no configuration, or fails before it does.
    """
    if not file.name.isprintable():
        # it stands in a comment of the call, in which a line of it would be code
        raise AdoptError(
            f"{in_line(file)} has a name that is not one line of printable text",
            remedy="give the file another name",
        )
    try:
        text = read_regular(file, most_bytes=_FILE_BYTES_MAX).decode("utf-8")
        is_filled_in = is_template(file, text)
        if is_filled_in:
            text = fill_in(file, text, given)
        code = code_of_notebook(text)
        if code is not None or is_python(text):
            recording = read_python_file(file, code or text, given, environ, arguments)
            return _for_other_systems(code or text, _with_nodes(file, translate(recording)))
    except (OSError, UnicodeDecodeError) as error:
        raise AdoptError(f"cannot read {file}: {error}", remedy="name a text file") from error
    except (RecursionError, MemoryError) as error:
        raise AdoptError(
            f"{file} is nested too deeply to be read",
            remedy="move its configuration into a file of its own, and adopt that",
        ) from error
    if given and not is_filled_in:
        raise AdoptError(
            f"{file} takes no values, but is given {', '.join(given)}",
            remedy="leave that out, or edit the file",
        )
    if is_endpoint(text):
        return _for_other_systems(text, translate(read_endpoint(file, text)))
    if is_job_script(text):
        return _for_other_systems(text, [read_job_script(file, text)])
    raise AdoptError(
        f"{file} is {what_it_is(file, text)}",
        remedy="give a Python file that calls parsl.Config, the YAML or template of an endpoint, or a "
        "script that begins with #PBS lines",
    )


def _with_nodes(file: Path, found: list[Adopted]) -> list[Adopted]:
    """The same.

    Raises:
        AdoptError: no configuration of the file uses compute nodes.
    """
    if not any(each.uses_nodes for each in found):
        raise AdoptError(
            f"{file}, line {found[0].line}: its configuration uses no compute nodes",
            remedy="if the file has another one, give the arguments that choose it: NAME=VALUE for its "
            f"functions, or behind -- those of its command line, as `adopt {file.name} -- --config polaris`",
        )
    return found


def _for_other_systems(text: str, found: list[Adopted]) -> list[Adopted]:
    """The same, with a finding where the file names another system of the site and not this one."""
    facts = polaris()
    if re.search(rf"(?<![A-Za-z]){facts.system}(?!_parsl)", text, re.IGNORECASE):
        return found
    for number, line in enumerate(text.splitlines(), 1):
        for system in facts.other_systems:
            if re.search(rf"(?<![A-Za-z]){system}(?![A-Za-z])", line, re.IGNORECASE):
                findings = AdoptFindings()
                remedy = f"the call is for {facts.system}: look at its queue, GPUs and walltime"
                findings.add("PP107", number, f"{system}, by {line.strip()[:60]!r}", remedy)
                return [replace(each, findings=(*findings, *each.findings)) for each in found]
    return found


def call_text(options: Mapping[str, Any]) -> str:
    """The call of `polaris_parsl.config` with these options, as Python."""
    words = [f"{name}={_literal(value)}" for name, value in options.items()]
    line = f"polaris_parsl.config({', '.join(words)})"
    if len(line) <= 88:
        return line
    return "\n".join(["polaris_parsl.config(", *(f"    {word}," for word in words), ")"])


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        words = [f"{_literal(name)}: {_literal(each)}" for name, each in value.items()]
        line = f"{{{', '.join(words)}}}"
        if len(line) <= 60:
            return line
        return "\n".join(["{", *(f"        {word}," for word in words), "    }"])
    return repr(value)
