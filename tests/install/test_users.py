"""A prefix of a group under three real users: who built it, a second maintainer, an outsider.

The first install is made as on the worst of login nodes: with a umask of 077, where a program
counts 256 cores, and under a limit of tasks that the kernel holds.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import builder
import preload
from code_blocks import block
from polaris_parsl.below import remove_path
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.files import walk
from polaris_parsl.version import VERSION

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as three users"),
    # two installs and some thirty commands, all of them before the first test
    pytest.mark.timeout(1200),
]

DOCUMENT = builder.REPOSITORY / "docs" / "group.md"
NEWER = f"{VERSION.split('.')[0]}.99.0"
# one that every user can read, of the minor version whose wheels are in the cache
PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"
# Numbers without names: the system's list of users stays as it is. No other test has them: here the
# processes of a user are counted.
GROUP = 70020
USERS = {"builder": 70021, "second maintainer": 70022, "outsider": 70023}
MEMBERS = ("builder", "second maintainer")
# half of what a user has of a login node
TASKS = polaris().login.tasks_per_user // 2
MEMORY_KB = polaris().login.memory_gb_per_user * 10**6 // 2


@dataclass
class Project:
    """A directory of a project with a prefix, sources of two versions, and what came of each action.

    Attributes:
        top: everything lies below it; every user gets there.
        tasks: most processes and threads at once during the first install.
        memory_kb: most resident memory of them together.
        outcomes: "works", "refused" (and nothing has changed) or "fails", by action and user.
        output: what the command said, likewise.
    """

    top: Path
    tasks: int = 0
    memory_kb: int = 0
    outcomes: dict[tuple[str, str], str] = field(default_factory=dict)
    output: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def prefix(self) -> Path:
        return self.top / "project/polaris-parsl"

    def run(self, user: str, *command: str | Path, **more: str) -> Any:
        """Run a command as one of the users, whose umask lets nobody else read."""
        return subprocess.run(
            [str(word) for word in command],
            user=USERS[user],
            group=USERS[user],
            extra_groups=[GROUP] if user in MEMBERS else [],
            umask=0o077,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.top / "homes" / user), **more},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def act(self, action: str, user: str, *command: str | Path, **more: str) -> None:
        """Run a command and keep what came of it."""
        before = self.seen()
        done = self.run(user, *command, **more)
        outcome = "works"
        if done.returncode != 0:
            outcome = "refused" if self.seen() == before else "fails"
        self.outcomes[action, user] = outcome
        self.output[action, user] = done.stdout + done.stderr

    def installer(self, source: str, prefix: Path, *options: str) -> list[str | Path]:
        """Command that installs from one of the sources."""
        script = self.top / source / "scripts/bootstrap.py"
        return [PYTHON, script, "install", "--prefix", prefix, *options]

    def verb(self, *words: str) -> list[str | Path]:
        """Command of a verb, of the version that is there to the end."""
        program = self.prefix / "versions" / NEWER / "bin/polaris-parsl"
        return [program, *words, "--prefix", self.prefix]

    def seen(self) -> dict[str, tuple[int, ...]]:
        """Everything in the directory of the project, as far as a change of it shows."""
        found: dict[str, tuple[int, ...]] = {}
        for name, entry in walk(self.top / "project"):
            is_ = entry.stat(follow_symlinks=False)
            found[name] = (is_.st_ino, is_.st_mode, is_.st_size, is_.st_mtime_ns)
        return found

    @contextmanager
    def watched(self, user: str) -> Iterator[None]:
        """Keep the most tasks and memory that a user has at once, as far as some looks show."""
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(user, ended))
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def _watch(self, user: str, ended: threading.Event) -> None:
        while not ended.wait(0.1):
            tasks = pages = 0
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if process.stat().st_uid == USERS[user]:
                        tasks += len(list((process / "task").iterdir()))
                        pages += int((process / "statm").read_text().split()[1])
            self.tasks = max(self.tasks, tasks)
            self.memory_kb = max(self.memory_kb, pages * os.sysconf("SC_PAGE_SIZE") // 1024)


@pytest.fixture(scope="module")
def project(cache: Path, install: Any, conda_source: Path, lmod: Path) -> Iterator[Project]:
    """The prefix after the first install; `install` has fetched all wheels into the cache."""
    if builder.run(PYTHON, "-c", "import pip, venv", env={}).returncode:
        pytest.skip(f"no {PYTHON} with pip, which every user can read")
    made = Project(Path(tempfile.mkdtemp(prefix="polaris-parsl-users-")))
    top = made.top
    (top / "project").mkdir()
    os.chown(top / "project", 0, GROUP)
    (top / "project").chmod(0o2775)
    top.chmod(0o755)
    kept = top / "homes/builder/.cache"
    unfinished = shutil.ignore_patterns(".*")  # what another worker is fetching
    shutil.copytree(
        cache / "polaris-parsl/wheels", kept / "polaris-parsl/wheels", ignore=unfinished
    )
    for user, number in USERS.items():
        home = top / "homes" / user
        home.mkdir(exist_ok=True)
        os.chown(home, number, number)
    shutil.copytree(conda_source, top / "source")
    newer = shutil.copytree(conda_source, top / "newer") / "src/polaris_parsl/version.py"
    newer.write_text(newer.read_text().replace(f'"{VERSION}"', f'"{NEWER}"'))
    own = USERS["builder"]
    builder.run("chown", "-R", f"{own}:{own}", top / "homes/builder", env={})
    *_, prefix, option, group = block("docs/group.md", "scripts/install.sh").text.split()
    assert (prefix, group) == ("/eagle/PROJECT/polaris-parsl", "PROJECT")
    command = made.installer("source", made.prefix, option, str(GROUP))
    limited = ["prlimit", f"--nproc={TASKS}", *command]
    with made.watched("builder"):
        made.act("install", "builder", *limited, **preload.many_cores(top))
    # what the builder has fetched the others need not fetch; nobody uses the cache of another
    for user in set(USERS) - {"builder"}:
        theirs = top / "homes" / user / ".cache"
        builder.run("cp", "-a", kept, theirs, env={"PATH": "/usr/bin:/bin"})
        builder.run(
            "chown", "-Rh", f"{USERS[user]}:{USERS[user]}", theirs, env={"PATH": "/usr/bin:/bin"}
        )
    _play(made, lmod)
    yield made
    remove_path(top)


def _play(project: Project, lmod: Path) -> None:
    """Let each user try each action; what must not stay is put back, and the removals come last."""
    new = project.top / "project/other"
    group = ["--group", str(GROUP), "--dry-run"]
    project.act("install --group", "outsider", *project.installer("source", new, *group))
    for user in ("outsider", "second maintainer"):
        project.act("install", user, *project.installer("newer", project.prefix))
    load = (
        f". {lmod}; module use {project.prefix}/modulefiles && module load polaris-parsl/{VERSION}"
    )
    load += " && python -c 'import parsl, polaris_parsl; parsl.Config'"
    root = project.prefix / "versions" / VERSION
    modulefile = project.prefix / "modulefiles/polaris-parsl" / f"{VERSION}.lua"
    for user in USERS:
        project.act("module load, import parsl", user, "bash", "-c", load)
        project.act("audit", user, *project.verb("audit"))
        project.act("default", user, *project.verb("default", VERSION))
        words = ["deprecate", VERSION, "--until", "2099-01-01", "--because", user]
        project.act("deprecate", user, *project.verb(*words))
        project.act("rollback", user, *project.verb("rollback"))
        # so that the next one, too, has something to change and to mend
        if user in MEMBERS:
            project.run(user, *project.verb("default", NEWER))
        modulefile.unlink()
        project.act("repair", user, *project.verb("repair"))
        for action, text in EDITS.items():
            project.act(action, user, "sh", "-c", text, root)
    for user in ("outsider", "second maintainer"):
        project.act("remove the builder's version", user, *project.verb("remove", VERSION))
    (left,) = (project.prefix / "versions").glob(".removed-*")
    project.act("delete what is left of it", "builder", *project.verb("repair"))
    assert not left.exists()


# by hand, in a published version ($0)
EDITS = {
    "write into a published file": 'echo >>"$0/receipt.json"',
    "put a file into a published version": 'touch "$0/overlay/new"',
    "delete a file of a published version": 'rm -f "$0/receipt.json"',
}


def test_what_each_user_can_do_is_as_documented(project: Project) -> None:
    section = DOCUMENT.read_text().split("## Who can do what")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    shown = {
        (action, user): outcome
        for action, *outcomes in rows[1:]
        for user, outcome in zip(USERS, outcomes, strict=True)
        if outcome != "-"
    }
    assert project.outcomes == shown, project.output


def test_the_first_install_stays_below_half_of_a_login_nodes_limits(project: Project) -> None:
    assert 2 < project.tasks <= TASKS
    assert 0 < project.memory_kb <= MEMORY_KB


def test_a_second_maintainer_hears_whose_files_are_left(project: Project) -> None:
    output = project.output["remove the builder's version", "second maintainer"]
    assert f"belongs to {USERS['builder']}, whose `polaris-parsl repair` deletes it" in output


def test_everything_is_the_groups_and_has_one_name_on_disk(project: Project) -> None:
    paths = [project.prefix, *project.prefix.rglob("*")]
    assert {path.lstat().st_gid for path in paths} == {GROUP}
    assert {path.lstat().st_nlink for path in paths if path.is_file()} == {1}
