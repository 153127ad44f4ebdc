"""A Jupyter kernel that starts an install's Python, or that of an environment on top, as a job does.

Jupyter starts a program in an environment of its own making. So the kernel is a small shell
script that loads the module first; what the kernel can do is asked of its ipykernel.
"""

import json
import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl import below
from polaris_parsl.configuration.worker_init import load_module
from polaris_parsl.driver import Driver, module_home
from polaris_parsl.env.modules.module_system import module_tree
from polaris_parsl.env.prefix.staging import write_atomically
from polaris_parsl.env.prefix.verify import verify_module
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import MissingToolError, OptionError, PolarisParslError, PrefixError
from polaris_parsl.installs import BIN, OVERLAY, overlay_python
from polaris_parsl.process import run
from polaris_parsl.version import NAME

SPECIFICATION, START = "kernel.json", "start"

_MARK = f"# made by {NAME} "
_KERNEL_NAME = re.compile(r"[a-z0-9._-]+")
_ASK = """\
import json, ipykernel, ipykernel_launcher
from ipykernel.kernelspec import get_kernel_dict
print(json.dumps([ipykernel.__version__, get_kernel_dict()]))
"""


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be installed.

    Attributes:
        folder: its directory, of the kernel's name.
        python: the interpreter that it runs.
        ipykernel: version of ipykernel that this has.
        how: description of how it starts.
        start: text of the script.
        specification: contents of kernel.json.
    """

    folder: Path
    python: Path
    ipykernel: str
    how: str
    start: str
    specification: Mapping[str, Any]


def kernels_folder(prefix: Path | None, env: Mapping[str, str]) -> Path:
    """Where Jupyter looks for kernels: below a prefix, or in the user's directory for its data.

    Source: jupyter_core's paths, for Linux.
    """
    if prefix is not None:
        return prefix / "share" / "jupyter" / "kernels"
    home = Path(env.get("HOME", "/"))
    data = env.get("JUPYTER_DATA_DIR") or Path(
        env.get("XDG_DATA_HOME") or home / ".local" / "share", "jupyter"
    )
    return Path(data) / "kernels"


def kernel_folder(kernels: Path, name: str | None, root: Path, venv: Path | None) -> Path:
    """The directory of a kernel, whose name follows from environment or install if it is not given.

    Raises:
        OptionError: Jupyter takes no such name.
    """
    usual = re.sub(r"[^a-z0-9._-]+", "-", venv.name.lower()) if venv else f"{NAME}-{root.name}"
    chosen = name or usual
    if not _KERNEL_NAME.fullmatch(chosen) or not chosen.strip("."):
        raise OptionError(
            f"--name {chosen!r} is not a name for a kernel",
            remedy="use small letters, digits and . _ - only",
        )
    return kernels / chosen


def plan_kernel(folder: Path, root: Path, *, venv: Path | None, env: Mapping[str, str]) -> Kernel:
    """Find out how a kernel can start here. Writes nothing.

    Args:
        folder: directory of the kernel.
        root: the install.
        venv: an environment on the install, whose interpreter the kernel runs; None for that
            of the overlay.
        env: environment variables; those of the module system count.

    Raises:
        PrefixError: another kernel has this name.
        ReceiptError: the install is none, or damaged.
        MissingToolError: the interpreter has no ipykernel.
        PolarisParslError: the module does not load.
    """
    if folder.exists():
        refuse_foreign(folder)
    receipt = read_receipt(root)
    python = venv / "bin" / "python" if venv else overlay_python(root)
    version, spec = _ask_ipykernel(python, venv, env)
    how, lines = _loading(receipt, root, python, env)
    start = [
        "#!/bin/bash",
        f"{_MARK}{receipt.version}, do not edit: starts a Jupyter kernel",
        lines,
        "unset PYTHONHOME",
        f"export VIRTUAL_ENV={shlex.quote(str(venv))}" if venv else "unset VIRTUAL_ENV",
        f"export PATH={shlex.quote(str(python.parent))}:$PATH",
        f'exec {shlex.quote(str(python))} -m ipykernel_launcher "$@"',
    ]
    title = f"{NAME} {receipt.release}"
    specification = {
        **spec,
        "argv": ["/bin/bash", str(folder / START), "-f", "{connection_file}"],
        "display_name": f"{venv.name} ({title})" if venv else title,
    }
    return Kernel(folder, python, version, how, "\n".join(start) + "\n", specification)


def _ask_ipykernel(
    python: Path, venv: Path | None, env: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    pip = shlex.quote(str(venv / "bin" / "pip")) if venv else "DIR/bin/pip"
    first = "" if venv else f"{NAME} venv DIR; "
    then = "" if venv else f"; {NAME} kernel --venv DIR"
    try:
        done = run([python, "-I", "-B", "-c", _ASK], env=for_python(env), cwd=Path("/"))
        version, spec = json.loads(done.stdout)
    except OSError as error:
        raise MissingToolError(
            f"{python} does not start: {error.strerror}", remedy=f"see {NAME} verify"
        ) from error
    except ValueError as error:
        raise MissingToolError(
            f"{python} cannot run a kernel: {done.stderr.strip().rpartition(chr(10))[2]}",
            remedy=f"install it into an environment of your own: {first}{pip} install ipykernel"
            f"{then}",
        ) from error
    return version, spec


def _loading(receipt: Receipt, root: Path, python: Path, env: Mapping[str, str]) -> tuple[str, str]:
    """How the environment comes about, as a description and as shell text."""
    module, tree = f"{NAME}/{receipt.release}", module_tree(receipt.prefix, env)
    broken, untried = verify_module(root, receipt, env=env)
    if broken:
        raise PolarisParslError(
            broken[0].text, remedy=f"see {NAME} verify --root {shlex.quote(str(root))}"
        )
    if untried:
        path = ":".join(shlex.quote(str(root / each)) for each in (BIN, f"{OVERLAY}/{BIN}"))
        lines = f"export PYTHONNOUSERSITE=1\nexport PATH={path}:$PATH"
        return f"by the interpreter alone, not the module: {untried}", lines
    driver = Driver(python=python, module=module, module_tree=tree, module_home=module_home(env))
    return f"through the module {module} of {tree}", load_module(driver)


def refuse_foreign(folder: Path) -> None:
    """Refuse to touch a kernel that `polaris-parsl kernel` did not make.

    Raises:
        PrefixError: it is one of these.
    """
    try:
        text = (folder / START).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        text = ""
    if _MARK not in text:
        raise PrefixError(
            f"{folder} is a kernel that {NAME} did not make",
            remedy=f"choose another --name, or `jupyter kernelspec remove {folder.name}`",
        )


def install_kernel(kernel: Kernel) -> None:
    """Write a kernel; one of ours that has its name is replaced. Jupyter sees it complete.

    Raises:
        PrefixError: the directory cannot be written.
    """
    try:
        write_atomically(kernel.folder / START, kernel.start)
        # Jupyter goes by this file
        text = json.dumps(kernel.specification, indent=1) + "\n"
        write_atomically(kernel.folder / SPECIFICATION, text)
    except OSError as error:
        raise PrefixError(
            f"cannot write the kernel {kernel.folder}: {error.strerror}",
            remedy="choose another directory with --prefix",
        ) from error


def remove_kernel(folder: Path) -> None:
    """Remove a kernel, and the directories above that it leaves empty.

    Raises:
        PrefixError: it cannot be removed.
    """
    below.remove_path(folder / SPECIFICATION)
    below.remove_path(folder)
    if os.path.lexists(folder):
        raise PrefixError(f"cannot remove all of the kernel {folder}", remedy="ask its owner")
    with suppress(OSError):
        folder.parent.rmdir()
        folder.parents[1].rmdir()
