"""Compares an install and its base with the receipt."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from polaris_parsl.env.base.drift import Verdict, VerifyFinding, compare
from polaris_parsl.env.base.fingerprint import ask, base_dependencies, fingerprint
from polaris_parsl.env.base.shadowed_packages import find_shadowed_packages
from polaris_parsl.env.modules.base_module import NO_MODULE, WHAT_IT_GIVES, base_module, is_of_site
from polaris_parsl.env.modules.module_system import NONE_HERE, module_system
from polaris_parsl.env.prefix.bases import base_files
from polaris_parsl.env.prefix.differing_files import differing_files
from polaris_parsl.env.prefix.verify_modulefiles import verify_modulefiles
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError, PrefixError, ReceiptError
from polaris_parsl.files import digest, is_there
from polaris_parsl.installs import (
    BIN,
    INSTALL_PATH,
    OVERLAY,
    command_of,
    overlay_python,
    rebase_command,
    version_root,
)
from polaris_parsl.process import run
from polaris_parsl.version import NAME

_SHOWN = 3
# what jobs use; the rest is the command itself
_QUICK = (BIN, OVERLAY)
# what is imported is no garbage, and to look for some takes a quarter of the time
IMPORT = "import gc; gc.disable(); import parsl, polaris_parsl; gc.freeze()"
# takes a tenth of the time, and sees all but damage within a file
_FIND = """\
import sys
from importlib.util import find_spec
lacking = [name for name in ("parsl", "polaris_parsl", *sys.argv[1:]) if not find_spec(name)]
sys.exit("there is no " + ", ".join(lacking) if lacking else 0)
"""


@dataclass(frozen=True)
class VerifyReport:
    """What was found in an install, and what could not be checked."""

    root: Path
    version: str | None
    findings: tuple[VerifyFinding, ...]
    unchecked: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return max((finding.verdict for finding in self.findings), default=Verdict.INTACT)

    @property
    def remedy(self) -> str:
        """What to do, by the worst finding; "" if nothing needs doing."""
        again = "install again, into another --prefix or after removing this version"
        if self.command:
            again += f": scripts/install.sh {shlex.join(self.command[1:])}".rstrip()
        usual = {
            Verdict.COSMETIC: "nothing needs to be done; the next install takes a new receipt",
            Verdict.RELEVANT: "rehearse your workflow (`polaris-parsl sandbox`), and " + again,
            Verdict.BROKEN: f"load another version (`module avail {NAME}`), or {again}",
        }
        worst = [each for each in self.findings if each.verdict is self.verdict]
        remedies = dict.fromkeys(each.remedy or usual[each.verdict] for each in worst)
        return "; ".join(remedies)

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        return {
            "verdict": self.verdict.word,
            "exit_code": int(self.verdict),
            "root": str(self.root),
            "version": self.version,
            "findings": [
                {"verdict": each.verdict.word, "text": each.text} for each in self.findings
            ],
            "unchecked": list(self.unchecked),
            "remedy": self.remedy,
        }


@dataclass(frozen=True)
class Trust:
    """What may be started to look at an install, or at a bundle.

    Attributes:
        is_whole: whether the install runs here anyway: it is the command's own, or is loaded.
        named: a Python that the user has named, to compare the base with.
        own: the base of the user's own install.
    """

    is_whole: bool = False
    named: Path | None = None
    own: Path | None = None

    def base_of(self, receipt: Receipt) -> Receipt | None:
        """The receipt, with a base that may be started; None if only the receipt names it."""
        if self.named:
            return replace(receipt, base={**receipt.base, "executable": str(self.named)})
        executable = Path(receipt.base["executable"])
        is_own = self.own is not None and is_there(executable) and executable.samefile(self.own)
        return receipt if self.is_whole or is_own else None


WHOLE = Trust(is_whole=True)


def verify_install(
    root: Path, *, every_file: bool, env: Mapping[str, str], trust: Trust = WHOLE
) -> VerifyReport:
    """Compare an install and its base with the receipt.

    Args:
        root: the install, PREFIX/versions/VERSION.
        every_file: read every file of the install, the RECORD of every distribution of the
            base and the files of those that the overlay uses. Without it, only files that
            are younger than the receipt are read, the tools are left out, and Parsl is
            looked for, not imported.
        env: environment variables of the user; those of Lmod and of Python count.
        trust: what may be started.

    Raises:
        PrefixError: there is no such directory.
    """
    if not root.is_dir():
        raise PrefixError(
            f"{root} is not a directory", remedy=f"name an install: --root {INSTALL_PATH}"
        )
    try:
        receipt = read_receipt(root)
    except ReceiptError as error:
        broken = VerifyFinding(Verdict.BROKEN, error.problem, error.remedy)
        return VerifyReport(
            root, None, (broken,), ("everything else (the receipt is unreadable)",), ()
        )
    base, unasked = verify_trusted_base(receipt, trust, quick=not every_file, env=env)
    findings = [*base, *verify_files(root, receipt, every_file=every_file)]
    unchecked = [unasked] if unasked else []
    used = frozenset(base_dependencies(receipt.base))
    findings += find_shadowed_packages(receipt.locked, used, minor=receipt.minor, env=env)
    if not trust.is_whole:
        unchecked.append(f"the overlay and the module: {not_started(root)}")
    else:
        # where the base is broken, that says why
        if all(each.verdict < Verdict.BROKEN for each in base):
            findings += verify_overlay(root, receipt, tries=every_file, env=env)
        of_module, untried = verify_module(root, receipt, env=env)
        findings += of_module
        unchecked += [f"the module: {untried}"] if untried else []
    if is_published(root, receipt):
        of_files, untried_files = verify_modulefiles(root)
        findings += of_files
        unchecked += untried_files
    if not every_file:
        unchecked.append("files older than the receipt, and the tools: --files reads them all")
    order = sorted(findings, key=lambda each: -each.verdict)
    # what a stranger has typed is no advice
    command = receipt.command if trust.is_whole else ()
    return VerifyReport(root, receipt.version, tuple(order), tuple(unchecked), command)


def not_started(root: Path) -> str:
    """Why the programs of an install were not started, and how they are where it is trusted."""
    own = shlex.quote(str(command_of(root)))
    return (
        "this is neither the install of this command nor the loaded one, and nothing of it is "
        f"started; where you trust it: {own} verify"
    )


def verify_files(root: Path, receipt: Receipt, *, every_file: bool) -> Iterator[VerifyFinding]:
    """Compare the tree of an install with its receipt, as `verify_install` does."""
    parts = None if every_file else _QUICK
    for what, names in differing_files(root, receipt.files, receipt.links, parts):
        yield VerifyFinding(Verdict.BROKEN, f"files of the install, {what}: {_shown(names)}")
    parallel = root / BIN / "parallel"
    if parallel.is_symlink() and not parallel.exists():
        yield VerifyFinding(
            Verdict.RELEVANT, f"GNU Parallel is gone: there is no {parallel.resolve()}"
        )


def verify_locked_base(root: Path) -> Iterator[VerifyFinding]:
    """Compare every file of a locked base with its receipt."""
    try:
        files, links = base_files(root)
    except ReceiptError as error:
        yield VerifyFinding(Verdict.BROKEN, error.problem)
        return
    for what, names in differing_files(root, files, links, None):
        yield VerifyFinding(Verdict.BROKEN, f"files of the locked base, {what}: {_shown(names)}")


def verify_trusted_base(
    receipt: Receipt, trust: Trust, *, quick: bool, env: Mapping[str, str]
) -> tuple[list[VerifyFinding], str]:
    """Compare the base of a receipt as far as it may be started; the second value says why not."""
    asked = trust.base_of(receipt)
    executable = Path((asked or receipt).base["executable"])
    if not trust.is_whole and not is_there(executable):
        prefix = Path((asked or receipt).base["prefix"])
        gone = f"the Python of the base is gone: there is no {executable}"
        if not is_there(prefix):
            gone = f"the base is gone: there is no {prefix}"
        return [VerifyFinding(Verdict.BROKEN, gone)], ""
    if asked is None:
        return [], (
            f"the base: the receipt names {executable}, and nothing that a receipt names is "
            f"started; where you trust it: --base {shlex.quote(str(executable))}"
        )
    return verify_base(asked, quick=quick, env=env), ""


def verify_base(receipt: Receipt, *, quick: bool, env: Mapping[str, str]) -> list[VerifyFinding]:
    """Compare the base of a receipt with what now lies at its place."""
    try:
        found = _verify_base(receipt, quick=quick, env=env)
    except PermissionError as error:
        reason = f"the base cannot be read: {error.strerror}: {error.filename}"
        found = [VerifyFinding(Verdict.BROKEN, reason)]
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"what the receipt says of the base is damaged: {type(error).__name__}: {error}"
        return [VerifyFinding(Verdict.BROKEN, reason)]
    command = rebase_command(version_root(receipt.prefix, receipt.release))
    remedy = (
        f"load another version (`module avail {NAME}`), or build this one again on a Python of "
        f"its own: {command}"
    )
    return [
        replace(each, remedy=each.remedy or remedy) if each.verdict is Verdict.BROKEN else each
        for each in found
    ]


def _verify_base(receipt: Receipt, *, quick: bool, env: Mapping[str, str]) -> list[VerifyFinding]:
    was = receipt.base
    python = Path(was["executable"])
    if not python.exists():
        return [VerifyFinding(Verdict.BROKEN, _what_is_gone(python, Path(was["prefix"]), env))]
    try:
        answer = ask(python, names=base_dependencies(was), quick=quick, env=env)
    except BaseEnvironmentError as error:
        return [VerifyFinding(Verdict.BROKEN, error.problem)]
    module = was["module"]
    if module and module["file"]:
        path = Path(module["file"])
        module = {**module, "sha256": digest(path) if path.is_file() else None}
    now = fingerprint(python, answer, depends_on=base_dependencies(was), module=module)
    own = [*verify_locked_base(Path(was["prefix"]))] if receipt.locked_base and not quick else []
    return [*_what_is_lost(receipt, env), *compare(was, now), *own]


def _what_is_lost(receipt: Receipt, env: Mapping[str, str]) -> Iterator[VerifyFinding]:
    """Earlier versions lost a module of the site that their facts did not list."""
    prefix = Path(receipt.base["prefix"])
    is_chosen = ("--base-module", NO_MODULE) in pairwise(receipt.command)
    if receipt.base["module"] or receipt.locked_base or is_chosen or not is_of_site(prefix):
        return
    name = base_module(prefix, env)
    yield VerifyFinding(
        Verdict.RELEVANT,
        f"the install loads no module, although its base {prefix} is one of the site's"
        f"{f', of {name}' if name else ''}: it lacks {WHAT_IT_GIVES}",
        f"install again with --base-module {name or 'NAME'}, into another --prefix or after "
        "removing this version",
    )


def _what_is_gone(python: Path, prefix: Path, env: Mapping[str, str]) -> str:
    if not prefix.is_dir():
        return f"the base is gone: there is no {prefix}"
    try:
        now = ask(prefix / "bin/python", names=(), quick=True, env=env)["interpreter"]
    except BaseEnvironmentError:
        return f"the Python of the base is gone: there is no {python}"
    return (
        f"the base is another Python under the same path: {prefix} has "
        f"{now['implementation']} {now['version']}, and no {python.name}"
    )


def verify_overlay(
    root: Path, receipt: Receipt, *, tries: bool, env: Mapping[str, str]
) -> list[VerifyFinding]:
    """Let the overlay's Python look for every module of the base that it needs, or import Parsl."""
    entries = receipt.base["distributions"]
    needed = {
        name
        for each in base_dependencies(receipt.base)
        for name in entries[each].get("modules", ())
    }
    command = [overlay_python(root), "-I", "-B", "-c", IMPORT if tries else _FIND, *sorted(needed)]
    try:
        done = run(command, env=for_python(env), cwd=Path("/"))
    except OSError as error:
        return [VerifyFinding(Verdict.BROKEN, f"the overlay's Python does not start: {error}")]
    if done.returncode != 0:
        reason = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        return [VerifyFinding(Verdict.BROKEN, f"the overlay cannot import what it needs: {reason}")]
    return []


def verify_module(
    root: Path, receipt: Receipt, *, env: Mapping[str, str]
) -> tuple[list[VerifyFinding], str]:
    """Load the module of an install in a fresh shell; the second value says why this was skipped."""
    system = module_system(env)
    if system is None:
        return [], NONE_HERE
    if not is_published(root, receipt):
        return [], f"it is for {receipt.prefix}, and this is a copy"
    name = f"{NAME}/{root.name}"
    complaint = system.loads(name, receipt.prefix / system.tree, env)
    if not complaint:
        return [], ""
    reason = " ".join(complaint.split())[:600]
    return [VerifyFinding(Verdict.BROKEN, f"the module {name} does not load: {reason}")], ""


def is_published(root: Path, receipt: Receipt) -> bool:
    """Whether the install lies where it was published, by whatever path it is named."""
    published = version_root(receipt.prefix, root.name)
    return published.is_dir() and published.samefile(root)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
