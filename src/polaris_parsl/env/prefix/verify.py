"""Looks at an install and its base as they are now, and compares them with the receipt."""

import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polaris_parsl.env.base.drift import Finding, Verdict, compare
from polaris_parsl.env.base.fingerprint import ask, fingerprint, leaned_on
from polaris_parsl.env.base.shadowed_packages import shadows
from polaris_parsl.env.locks.files import digest
from polaris_parsl.env.modules.module_system import NONE_HERE, module_system
from polaris_parsl.env.receipt import NAME as RECEIPT
from polaris_parsl.env.receipt import Receipt, read_receipt
from polaris_parsl.env.variables import for_python
from polaris_parsl.errors import BaseEnvironmentError, PrefixError, ReceiptError
from polaris_parsl.process import run
from polaris_parsl.version import NAME

_SHOWN = 3
# what jobs use; the rest is the command itself
_QUICK = ("bin", "overlay")
_IMPORT = "import parsl, polaris_parsl"
# takes a tenth of the time, and sees all but damage within a file
_FIND = """\
import sys
from importlib.util import find_spec
lacking = [name for name in ("parsl", "polaris_parsl", *sys.argv[1:]) if not find_spec(name)]
sys.exit("there is no " + ", ".join(lacking) if lacking else 0)
"""


@dataclass(frozen=True)
class Report:
    """What was found in an install, and what could not be checked."""

    root: Path
    version: str | None
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]
    command: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of the findings."""
        return max((finding.verdict for finding in self.findings), default=Verdict.INTACT)

    @property
    def remedy(self) -> str:
        """What to do, by the worst finding; "" where nothing is to be done."""
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


def inspect_install(root: Path, *, every_file: bool, env: Mapping[str, str]) -> Report:
    """Compare an install and its base with the receipt.

    Args:
        root: the install, PREFIX/versions/VERSION.
        every_file: read every file of the install, the RECORD of every distribution of the
            base and the files of those that the overlay uses. Without it, only files that
            are younger than the receipt are read, the tools are left out, and Parsl is
            looked for, not imported.
        env: environment variables of the user; those of Lmod and of Python count.

    Raises:
        PrefixError: there is no such directory.
    """
    if not root.is_dir():
        raise PrefixError(
            f"{root} is no directory", remedy="name an install: --root PREFIX/versions/VERSION"
        )
    try:
        receipt = read_receipt(root)
    except ReceiptError as error:
        broken = Finding(Verdict.BROKEN, error.problem, error.remedy)
        return Report(root, None, (broken,), ("everything else, for want of a receipt",), ())
    base = inspect_base(receipt, quick=not every_file, env=env)
    findings = [*base, *inspect_files(root, receipt, every_file=every_file)]
    # where the base is broken, that says why
    if all(each.verdict < Verdict.BROKEN for each in base):
        findings += inspect_overlay(root, receipt, tries=every_file, env=env)
    used = frozenset(leaned_on(receipt.base))
    findings += shadows(receipt.locked, used, minor=receipt.minor, env=env)
    of_module, untried = inspect_module(root, receipt, env=env)
    findings += of_module
    unchecked = [f"the module: {untried}"] if untried else []
    if not every_file:
        unchecked.append("files older than the receipt, and the tools: --files reads them all")
    order = sorted(findings, key=lambda each: -each.verdict)
    return Report(root, receipt.version, tuple(order), tuple(unchecked), receipt.command)


def inspect_files(root: Path, receipt: Receipt, *, every_file: bool) -> Iterator[Finding]:
    """Compare the tree of an install with its receipt, as `inspect_install` does."""
    parts = None if every_file else _QUICK
    since = None if parts is None else (root / RECEIPT).stat().st_ctime_ns
    gone, changed, added = [], [], []
    present = set(_walk(root, parts))
    for name, expected in {**receipt.files, **receipt.links}.items():
        if parts is not None and name.partition("/")[0] not in parts:
            continue
        if name not in present:
            gone.append(name)
        elif not _is_same(root / name, expected, is_link=name in receipt.links, since=since):
            changed.append(name)
    known = receipt.files.keys() | receipt.links.keys() | {RECEIPT}
    added = [name for name in sorted(present - known) if "__pycache__" not in name]
    for names, what in ((gone, "missing"), (changed, "changed"), (added, "not of the install")):
        if names:
            yield Finding(Verdict.BROKEN, f"files of the install, {what}: {_shown(names)}")
    parallel = root / "bin" / "parallel"
    if parallel.is_symlink() and not parallel.exists():
        yield Finding(Verdict.RELEVANT, f"GNU Parallel is gone: there is no {parallel.resolve()}")


def _walk(root: Path, parts: Collection[str] | None) -> Iterator[str]:
    tops = [str(root)] if parts is None else [str(root / part) for part in parts]
    start = len(str(root)) + 1
    for top in tops:
        for folder, folders, files in os.walk(top):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*files, *links):
                yield f"{folder}/{name}"[start:]


def _is_same(path: Path, expected: str, *, is_link: bool, since: int | None) -> bool:
    if is_link or path.is_symlink():
        return is_link and path.is_symlink() and str(path.readlink()) == expected
    # any writing, renaming or copying sets ctime, and nobody can set it back
    if since is not None and path.stat().st_ctime_ns <= since:
        return True
    try:
        return digest(path) == expected
    except OSError:
        return False


def inspect_base(receipt: Receipt, *, quick: bool, env: Mapping[str, str]) -> list[Finding]:
    """Compare the base of a receipt with what now lies at its place."""
    try:
        return _inspect_base(receipt, quick=quick, env=env)
    except PermissionError as error:
        told = f"the base cannot be read: {error.strerror}: {error.filename}"
        return [Finding(Verdict.BROKEN, told)]


def _inspect_base(receipt: Receipt, *, quick: bool, env: Mapping[str, str]) -> list[Finding]:
    was = receipt.base
    python = Path(was["executable"])
    if not python.exists():
        return [Finding(Verdict.BROKEN, _what_is_gone(python, Path(was["prefix"]), env))]
    try:
        answer = ask(python, names=leaned_on(was), quick=quick, env=env)
    except BaseEnvironmentError as error:
        return [Finding(Verdict.BROKEN, error.problem)]
    module = was["module"]
    if module and module["file"]:
        path = Path(module["file"])
        module = {**module, "sha256": digest(path) if path.is_file() else None}
    now = fingerprint(python, answer, leans_on=leaned_on(was), module=module)
    return compare(was, now)


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


def inspect_overlay(
    root: Path, receipt: Receipt, *, tries: bool, env: Mapping[str, str]
) -> list[Finding]:
    """Let the overlay's Python look for every module of the base that it needs, or import Parsl."""
    entries = receipt.base["distributions"]
    needed = {name for each in leaned_on(receipt.base) for name in entries[each].get("modules", ())}
    command = [root / "overlay/bin/python", "-c", _IMPORT if tries else _FIND, *sorted(needed)]
    try:
        done = run(command, env=for_python(env), cwd=Path("/"))
    except OSError as error:
        return [Finding(Verdict.BROKEN, f"the overlay's Python does not start: {error}")]
    if done.returncode != 0:
        told = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        return [Finding(Verdict.BROKEN, f"the overlay cannot import what it needs: {told}")]
    return []


def inspect_module(
    root: Path, receipt: Receipt, *, env: Mapping[str, str]
) -> tuple[list[Finding], str]:
    """Load the module of an install in a fresh shell; in words, why that cannot be tried."""
    system = module_system(env)
    if system is None:
        return [], NONE_HERE
    if not is_published(root, receipt):
        return [], f"it is for {receipt.prefix}, and this is a copy"
    name = f"{NAME}/{root.name}"
    complaint = system.loads(name, receipt.prefix / system.tree, env)
    if not complaint:
        return [], ""
    told = " ".join(complaint.split())[:600]
    return [Finding(Verdict.BROKEN, f"the module {name} does not load: {told}")], ""


def is_published(root: Path, receipt: Receipt) -> bool:
    """Whether the install lies where it was published, by whatever path it is named."""
    published = receipt.prefix / "versions" / root.name
    return published.is_dir() and published.samefile(root)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
