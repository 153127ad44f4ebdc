"""What the checks examine: the user's shell, an install, and a request."""

import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polaris_parsl.configuration.parsl_internals.lean import unchecked_imports
from polaris_parsl.driver import Driver
from polaris_parsl.env.prefix.verify import WHOLE, Trust
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.errors import OptionError, ReceiptError
from polaris_parsl.installs import overlay_of
from polaris_parsl.process import run

if TYPE_CHECKING:
    from polaris_parsl.configuration.plan import PlannedExecutor

_PROBE = Path(__file__).with_name("python_probe.py")
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class PythonIdentity:
    """What a Python reports about itself (python_probe.py).

    Attributes:
        version: version of Python.
        parsl: file and version of the Parsl that it imports, or the error.
        polaris_parsl: the same for polaris_parsl.
        release: whether polaris_parsl works with this Parsl: its refusal and its warnings, or the error;
            not asked on nodes.
    """

    version: str
    parsl: Mapping[str, str]
    polaris_parsl: Mapping[str, str]
    release: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """The executors that a call of `config` would make, or why it would refuse.

    Attributes:
        requests: the executors; empty if it refuses.
        refusal: the reason; None if it accepts.
        warned: its warnings.
        no_account: why there is none that PBS could charge; the rest was checked with an invented one.
    """

    requests: "tuple[PlannedExecutor, ...]"
    refusal: OptionError | None
    warned: tuple[str, ...]
    no_account: OptionError | None


@dataclass(frozen=True)
class Here:
    """The place that the checks examine; each fact is found when first used.

    Attributes:
        env: environment variables of the user.
        folder: working directory of the user.
        root: the install, PREFIX/versions/VERSION; None without one.
        user_opts: options of `polaris_parsl.config`.
        trust: what of the install may be started.
    """

    env: Mapping[str, str]
    folder: Path
    root: Path | None
    user_opts: Mapping[str, Any]
    trust: Trust = WHOLE

    @cached_property
    def receipt(self) -> Receipt | None:
        """The receipt of the install; None if it is unreadable or there is no install."""
        try:
            return read_receipt(self.root) if self.root else None
        except ReceiptError:
            return None

    @cached_property
    def overlay(self) -> Path | None:
        """The overlay of the install."""
        return overlay_of(self.root) if self.root else None

    @cached_property
    def python(self) -> Path | None:
        """The user's `python`; None if there is none on PATH."""
        return self.which("python")

    def which(self, program: str) -> Path | None:
        """A program on the user's PATH."""
        found = shutil.which(program, path=self.env.get("PATH", ""))
        return self.folder / found if found else None

    @cached_property
    def answer(self) -> PythonIdentity | str:
        """What the user's Python imports outside the working directory, or why it fails."""
        assert self.python, "the caller has looked"
        given = [self.folder / word for word in self.env.get("PYTHONPATH", "").split(":") if word]
        # relative ones mean the user's directory
        paths = {"PYTHONPATH": ":".join(map(str, given))} if given else {}
        quiet = {"PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = run(
                [self.python, "-c", _PROBE.read_text(encoding="utf-8")],
                env={**self.env, **paths, **quiet},
                cwd=Path("/"),
                timeout_seconds=_TIMEOUT_SECONDS,
            )
            # a startup file may have printed something before
            return PythonIdentity(**json.loads(done.stdout.strip().rpartition("\n")[2]))
        except (OSError, UnicodeDecodeError) as error:
            return str(error)
        except (ValueError, TypeError):
            return done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"

    @cached_property
    def command(self) -> Driver:
        """The driver that this command would be, found without starting a process."""
        return Driver.current(self.env)

    @cached_property
    def driver(self) -> Driver:
        """The driver that a script of the user would be."""
        driver = self.command
        if (
            self.python
            and isinstance(self.answer, PythonIdentity)
            and "version" in self.answer.parsl
        ):
            # the doubts concern this command's Python; the checks of the shell cover the user's
            parsl = self.answer.parsl["version"]
            return replace(driver, python=self.python, parsl=parsl, doubts=())
        return driver

    @cached_property
    def planned(self) -> Planned:
        """The result of `polaris_parsl.config` for the options."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            requests, refusal, no_account = self._plan()
        warned = tuple(dict.fromkeys(str(each.message) for each in caught))
        return Planned(requests, refusal, warned, no_account)

    def _plan(
        self,
    ) -> "tuple[tuple[PlannedExecutor, ...], OptionError | None, OptionError | None]":
        # the install whose Parsl it is may be damaged
        with unchecked_imports():
            from polaris_parsl.configuration.plan import plan  # noqa: PLC0415

        try:
            return plan(self.user_opts, self.driver).executors, None, None
        except OptionError as error:
            first = error
        # all but the account can be checked without one; one that the user gives here must be right
        with_account = {"account": "ACCOUNT", **self.user_opts}
        try:
            return plan(with_account, self.driver).executors, None, first
        except OptionError as error:
            return (), error, None
