"""Who uses a version now: processes of this host, and jobs that PBS holds."""

import json
import os
import pwd
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from polaris_parsl.env.prefix.permissions import user_name
from polaris_parsl.env.prefix.releases import Release
from polaris_parsl.env.prefix.staging import process_status
from polaris_parsl.errors import ReceiptError
from polaris_parsl.installs import group_of, prefix_of
from polaris_parsl.process import run
from polaris_parsl.text import in_line
from polaris_parsl.version import NAME

_QSTAT = ("qstat", "-f", "-F", "json")
_QSTAT_TIMEOUT_SECONDS = 60
_SCRIPT_BYTES_MAX = 1_000_000
# what may follow the end of a version's name or path, so that it is no longer another's
_END = r"(?![\w+.-])"


@dataclass(frozen=True)
class Usage:
    """Who uses a version, one line each.

    Attributes:
        certain: users that were seen, of those who may change the prefix.
        doubtful: what may be a user, or may hide one.
        outsiders: users that were seen, and who may not change the prefix: they warn, no more.
        unseen: what this user cannot see.
    """

    certain: tuple[str, ...]
    doubtful: tuple[str, ...]
    unseen: tuple[str, ...]
    outsiders: tuple[str, ...] = ()


def find_usage(release: Release, *, is_default: bool, env: Mapping[str, str]) -> Usage:
    """Look for users of a version among the processes of this host and the jobs of PBS.

    Args:
        release: the version.
        is_default: whether a job that names no version uses it.
        env: environment variables; PATH leads to qstat.
    """
    roots = _spellings(release)
    trusted = Trusted.of(prefix_of(release.root))
    certain, outsiders, hidden = _processes(roots, trusted)
    unseen = [f"open files of other users' processes, {hidden} of them"] if hidden else []
    doubtful: list[str] = []
    if not shutil.which(_QSTAT[0], path=env.get("PATH")):
        unseen.append("jobs: there is no qstat here")
        return Usage(tuple(certain), (), tuple(unseen), tuple(outsiders))
    try:
        jobs = _ask_pbs(env)
    except (OSError, ValueError) as error:
        doubtful.append(f"jobs: qstat failed: {error}")
        return Usage(tuple(certain), tuple(doubtful), tuple(unseen), tuple(outsiders))
    for name, job in jobs.items():
        job_words = f"job {name} of {job.get('Job_Owner', '?')} (state {job.get('job_state', '?')})"
        text = json.dumps(job, ensure_ascii=False) + _script(job)
        if re.search(f"({'|'.join(map(re.escape, roots))}){_END}", text):
            owner = str(job.get("Job_Owner", "")).partition("@")[0]
            (certain if trusted.is_user(owner) else outsiders).append(job_words)
        elif _names_module(text, release.name, is_default=is_default):
            doubtful.append(f"{job_words} loads a module of this name, perhaps of another prefix")
    return Usage(tuple(certain), tuple(doubtful), tuple(unseen), tuple(outsiders))


@dataclass(frozen=True)
class Trusted:
    """Who may say that a version is needed: root, the owner of the prefix, members of its group."""

    owner: int
    group: int | None

    @classmethod
    def of(cls, prefix: Path) -> Self:
        """Those of a prefix."""
        return cls(prefix.stat().st_uid, group_of(prefix))

    def is_process(self, folder: Path) -> bool:
        """Whether a process, /proc/NUMBER, is one of theirs, by its user and its groups."""
        user = folder.stat().st_uid
        if user in {0, self.owner, os.geteuid()}:
            return True
        lines = (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines()
        words = [line.split()[1:] for line in lines if line.startswith(("Gid:", "Groups:"))]
        return str(self.group) in {number for each in words for number in each}

    def is_user(self, name: str) -> bool:
        """Whether a user of this name is one of them; one whom this host does not know may be."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return True
        if entry.pw_uid in {0, self.owner, os.geteuid()}:
            return True
        return self.group in os.getgrouplist(name, entry.pw_gid)


def _spellings(release: Release) -> list[str]:
    """The paths by which users may name a version."""
    paths = {release.root, release.root.resolve()}
    if not isinstance(receipt := release.read, ReceiptError):
        paths.add(receipt.prefix / release.root.relative_to(release.root.parents[1]))
    return sorted(map(str, paths))


def _processes(roots: list[str], trusted: Trusted) -> tuple[list[str], list[str], int]:
    """Processes that have something below a path, in words: of those who are trusted, and of others.

    The third value is how many did not let us look.
    """
    found: list[str] = []
    outsiders: list[str] = []
    hidden, own = 0, _own_line()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) in own:
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            command = _command(folder)
            held = [word for word in command if _is_below(word, roots)]
            try:
                held += [path for path in _held(folder) if _is_below(path, roots)]
            except PermissionError:
                hidden += 1
            if held:
                owner = user_name(folder.stat().st_uid)
                shown = in_line(shlex.join(command))[:100]
                kind = found if trusted.is_process(folder) else outsiders
                kind.append(f"process {folder.name} of {owner}: {shown} (has {in_line(held[0])})")
    return found, outsiders, hidden


def _own_line() -> set[int]:
    """This process and those that started it: a shell that runs our command is not a user."""
    line, pid = {os.getpid()}, os.getppid()
    while pid > 1 and pid not in line:
        line.add(pid)
        pid = int(process_status(pid)[1])
    return line


def _command(folder: Path) -> list[str]:
    text = (folder / "cmdline").read_bytes().decode(errors="surrogateescape")
    return text.rstrip("\0").split("\0")


def _held(folder: Path) -> Iterator[str]:
    """What a process runs, where it stands, what it has open and what it has mapped."""
    for name in ("exe", "cwd"):
        yield str((folder / name).readlink())
    for handle in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):
            yield str(handle.readlink())
    for line in (folder / "maps").read_text(errors="surrogateescape").splitlines():
        yield line.partition("/")[1] + line.partition("/")[2]


def _is_below(path: str, roots: list[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _ask_pbs(env: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
    """The jobs that PBS holds and that are not finished, by their id.

    Source: recorded on OpenPBS 23.06.06; without jobs there is no table "Jobs".
    """
    done = run(_QSTAT, env=env, timeout_seconds=_QSTAT_TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip() or f"exit code {done.returncode}")
    listing = json.loads(done.stdout)
    jobs = listing.get("Jobs", {}) if isinstance(listing, Mapping) else None
    if not isinstance(jobs, Mapping):
        raise ValueError("it printed no table of jobs")  # noqa: TRY004 - as of no JSON at all
    return {name: job for name, job in jobs.items() if isinstance(job, Mapping)}


def _script(job: Mapping[str, Any]) -> str:
    """The text of a job's script, as far as its path is known and it can be read."""
    variables = job.get("Variable_List")
    folder = variables.get("PBS_O_WORKDIR", "/") if isinstance(variables, Mapping) else "/"
    try:
        words = shlex.split(str(job.get("Submit_arguments", "")))
    except ValueError:
        words = str(job.get("Submit_arguments", "")).split()
    texts = []
    for word in words:
        path = Path(str(folder), word)
        with suppress(OSError, ValueError):
            if path.is_file():
                with path.open("rb") as stream:
                    texts.append(stream.read(_SCRIPT_BYTES_MAX).decode(errors="replace"))
    return "\n".join(texts)


def _names_module(text: str, name: str, *, is_default: bool) -> bool:
    if re.search(f"{NAME}/{re.escape(name)}{_END}", text):
        return True
    return is_default and bool(re.search(rf"\bmodule\b[^\n]*[ ]{NAME}(?![\w/.-])", text))
