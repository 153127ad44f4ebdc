"""Recognizes the kind of a file, reads its configurations and writes them as calls."""

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polaris_parsl.adopt.job_script import read_job_script
from polaris_parsl.adopt.python_file import read_python_file
from polaris_parsl.adopt.translate import Adopted, translate
from polaris_parsl.errors import AdoptError
from polaris_parsl.files import read_regular

_FILE_BYTES_MAX = 1 << 20


def adopt(file: Path, given: Mapping[str, Any], environ: Mapping[str, str]) -> list[Adopted]:
    """The configurations of a file, as options of `polaris_parsl.config`.

    Args:
        file: a Python file with a Parsl configuration, or a PBS job script.
        given: values for parameters of its functions that make a configuration.
        environ: environment variables for the run of a Python file.

    Raises:
        AdoptError: the file is neither, makes no configuration, or fails before it does.
    """
    try:
        text = read_regular(file, most_bytes=_FILE_BYTES_MAX).decode("utf-8")
        is_python = _is_python(text)
    except (OSError, UnicodeDecodeError) as error:
        raise AdoptError(f"cannot read {file}: {error}", remedy="name a text file") from error
    except (RecursionError, MemoryError) as error:
        raise AdoptError(
            f"{file} is nested too deeply to be read",
            remedy="move its configuration into a file of its own, and adopt that",
        ) from error
    if is_python:
        return translate(read_python_file(file, text, given, environ))
    if "#PBS" in text:
        return [read_job_script(file, text)]
    raise AdoptError(
        f"{file} is neither Python nor a PBS job script",
        remedy="give a Python file that calls parsl.Config, or a script with #PBS lines",
    )


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


def _is_python(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(tree))
