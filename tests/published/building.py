"""Builds what calls.py asks for, on a pretended node of Polaris."""

import inspect
import os
import socket
import tempfile
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from parsl.config import Config

from polaris_parsl.errors import PolarisParslWarning
from published import calls as written

HERE = Path(__file__).parent
ADDRESSES = {"lo": "127.0.0.1", "bond0": "10.1.0.1", "hsn0": "10.2.0.1", "pub0": "140.221.0.1"}


def read() -> dict[str, Any]:
    """The content of published.toml."""
    return tomllib.loads((HERE / "published.toml").read_text())


def calls() -> dict[str, Callable[[], Config]]:
    """The functions of calls.py by name, in their order."""
    return {
        name: each for name, each in vars(written).items() if name.startswith(("row_", "page_"))
    }


@contextmanager
def pretended(job_nodes: int) -> Iterator[None]:
    """The network of a login node and, with job_nodes, the inside of a job of so many nodes."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PBS_", "POLARIS_PARSL_"))
    }
    with tempfile.NamedTemporaryFile("w") as nodefile:
        for number in range(job_nodes):
            print(f"x3001c0s{number}b0n0.hsn", file=nodefile, flush=True)
        job = {"PBS_JOBID": "1.pbs", "PBS_NODEFILE": nodefile.name} if job_nodes else {}
        with (
            patch.dict(os.environ, {**kept, **job}, clear=True),
            patch.object(socket, "if_nameindex", lambda: list(enumerate(ADDRESSES, 1))),
            patch(
                "polaris_parsl.configuration.addresses.address_by_interface", ADDRESSES.__getitem__
            ),
        ):
            yield


def build(name: str) -> Config:
    """The configuration that a call of calls.py makes."""
    # It asks for what is warned of: traffic that is not encrypted.
    warned = warning_expected() if name == "row_23_appfl" else nullcontext()
    with pretended(read()[name].get("job_nodes", 0)), warned:
        return calls()[name]()


@contextmanager
def warning_expected() -> Iterator[None]:
    """Fail without a warning of ours; scripts/compatibility.py has no pytest where this runs."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", PolarisParslWarning)
        yield
    assert any(issubclass(each.category, PolarisParslWarning) for each in seen)


def lines_of(name: str) -> int:
    """Lines of a call, without that of its `def`."""
    return len(inspect.getsource(calls()[name]).strip().splitlines()) - 1
