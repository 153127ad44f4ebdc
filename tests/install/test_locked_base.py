"""The locked base: a Python from conda packages, below the prefix, in the place of the site's."""

import http.server
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_channel
import conda_python
from polaris_parsl.below import remove_path
from polaris_parsl.env.installer import locked_base
from polaris_parsl.env.installer.conda_archives import refuse_bad_mirror
from polaris_parsl.env.installer.locked_base import LockedBase, provided, refuse_machine
from polaris_parsl.env.locks.files import CondaPackage, base_packages
from polaris_parsl.errors import BaseEnvironmentError, LockError, OptionError, PrefixError
from polaris_parsl.files import digest

# the libraries of the base that this process has, and whose
_MAPS = """\
import _ctypes, bz2, lzma, sqlite3, ssl, sys, zlib
found = {"/" + line.rstrip().partition("/")[2] for line in open("/proc/self/maps") if ".so" in line}
print(sys.prefix, *sorted(found), sep="\\n")
"""


@pytest.fixture(scope="module")
def packages(conda_source: Path) -> list[CondaPackage]:
    return base_packages(conda_source / "conda-lock.yml")


@pytest.fixture(scope="module")
def base(locked_install: Any) -> Path:
    """The base of the install."""
    (found,) = (locked_install.prefix / "bases").iterdir()
    return Path(found)


def files_of(base: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((base / "receipt.json").read_text())
    return data


def provide(wanted: LockedBase, prefix: Path, scratch: Path) -> Path:
    """Let an install build a base, and fail: nothing is left then but what the test looks at."""
    prefix.mkdir(exist_ok=True)
    scratch.mkdir(exist_ok=True)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(scratch)}
    options: Any = {"group": None, "scratch": scratch, "env": env}
    with provided(wanted, prefix, step=lambda _: nullcontext(), **options) as build:
        root = build()
        shutil.copytree(root, scratch / "seen", symlinks=True)
    return scratch / "seen"


def libraries(python: Path) -> tuple[Path, list[str]]:
    """The prefix of an interpreter, and the libraries that it loads."""
    done = builder.run(python, "-I", "-c", _MAPS, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    prefix, *found = done.stdout.splitlines()
    return Path(prefix), found


def test_the_install_has_a_python_of_its_own_and_asks_for_no_module(
    locked_install: Any, base: Path, packages: list[CondaPackage]
) -> None:
    receipt = json.loads((locked_install.root / "receipt.json").read_text())
    assert re.fullmatch("[0-9a-f]{16}", base.name)
    assert receipt["base"]["prefix"] == str(base)
    assert receipt["base"]["module"] is None
    assert receipt["locked_base"]["key"] == base.name
    assert [each["sha256"] for each in receipt["locked_base"]["packages"]] == [
        each.sha256 for each in packages
    ]
    assert receipt["from_base"] == {}
    modulefile = locked_install.prefix / f"modulefiles/polaris-parsl/{locked_install.root.name}.lua"
    assert "conda" not in modulefile.read_text()
    assert os.path.realpath(locked_install.root / "overlay/bin/python").startswith(f"{base}/bin/")
    assert {each.stat().st_mode & 0o222 for each in base.rglob("*") if not each.is_symlink()} == {0}


def test_its_packages_name_the_place_where_they_lie(base: Path) -> None:
    assert conda_python.named_prefix(base) == str(base)
    assert (base / "bin/pip").read_text().startswith(f"#!{base}/bin/python")
    texts = [path for path in base.rglob("_sysconfigdata*.py") if path.is_file()]
    assert texts
    assert all(str(base) in path.read_text() for path in texts)
    left = [path for path in base.rglob("*") if path.is_file() and path.parent.name != "conda-meta"]
    assert not [path for path in left if conda_channel.PLACEHOLDER.encode() in path.read_bytes()]


def test_it_finds_its_libraries_by_its_own_place(base: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved here"
    shutil.copytree(base, moved, symlinks=True)
    for place in (base, moved):
        prefix, found = libraries(place / "bin/python3")
        assert prefix == place
        inside = {
            Path(name).name.partition(".")[0] for name in found if name.startswith(f"{place}/")
        }
        assert {"libssl", "libcrypto", "libsqlite3", "libz", "liblzma", "libffi"} <= inside
        assert not [name for name in found if name.startswith(str(base)) and place == moved]


def test_module_and_workflow_work_on_it(locked_install: Any, lmod: Path, tmp_path: Path) -> None:
    script = tmp_path / "workflow.py"
    script.write_text((builder.REPOSITORY / "tests/install/locked_workflow.py").read_text())
    code = (
        f"source {lmod}; module use {locked_install.prefix}/modulefiles; module load polaris-parsl; "
        f"polaris-parsl sandbox -- python {script} {tmp_path / 'runs'}; echo $?; "
        "polaris-parsl verify --files; echo $?; "
        f"polaris-parsl venv {tmp_path / 'own'} >/dev/null; {tmp_path / 'own/bin/python'} -c "
        "'import parsl, sys; print(sys.prefix)'; parallel --version | head -1"
    )
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LMOD_IGNORE_CACHE": "yes"}
    done = builder.run("bash", "--norc", "-c", code, env=env)
    lines = done.stdout.splitlines()
    assert "42" in lines, done.stdout + done.stderr
    codes = [line for line in lines if line in {"0", "1", "12"}]
    assert codes == ["0", "0"], done.stdout + done.stderr
    assert lines[-2:-1] == [str(tmp_path / "own")]
    assert lines[-1].startswith("GNU parallel ")


def test_a_damaged_file_of_it_is_found(locked_install: Any, base: Path, tmp_path: Path) -> None:
    prefix = tmp_path / "copy"
    shutil.copytree(locked_install.prefix, prefix, symlinks=True)
    root = prefix / "versions" / locked_install.root.name
    # the copy has its base at the old place, so only that of the receipt can be damaged
    receipt = root / "receipt.json"
    receipt.chmod(0o644)
    receipt.write_text(receipt.read_text().replace(str(base), str(prefix / "bases" / base.name)))
    damaged = prefix / "bases" / base.name / "lib/libz.so.1"
    damaged.chmod(0o644)
    damaged.write_bytes(b"no library")
    command = [locked_install.root / "bin/polaris-parsl", "verify", "--files"]
    # as if it were loaded: of a stranger's install nothing is started
    command += ["--root", root]
    done = builder.run(*command, env={**locked_install.env, "POLARIS_PARSL_ROOT": str(root)})
    assert done.returncode == 12
    assert "files of the locked base, changed: lib/libz.so.1" in done.stdout


def test_the_same_records_give_the_same_bytes_from_a_mirror_at_another_place(
    base: Path, packages: list[CondaPackage], channel: tuple[Path, str], tmp_path: Path
) -> None:
    wanted = LockedBase(tuple(packages), mirror=f"{channel[1]}/")
    assert wanted.key == base.name
    one, other = (
        files_of(base),
        files_of(provide(wanted, tmp_path / "prefix", tmp_path / "scratch")),
    )
    assert one["prefix_bound"] == other["prefix_bound"]
    bound = set(one["prefix_bound"])
    assert len(one["files"]) > 1000
    assert len(bound) < 12
    for name in one["files"].keys() | other["files"].keys():
        assert name in bound or one["files"].get(name) == other["files"].get(name), name
    assert one["links"] == other["links"]
    # what no version needs is removed
    assert not list((tmp_path / "prefix").iterdir())


def test_without_network_and_with_another_interpreter_it_came_from_the_wheelhouse(
    locked_install: Any,
) -> None:
    assert "unpacking the Python of the wheelhouse" in locked_install.stderr


def test_everything_can_be_removed(locked_install: Any, tmp_path: Path) -> None:
    prefix = tmp_path / "project"
    shutil.copytree(locked_install.prefix, prefix, symlinks=True)
    (dead,) = (prefix / "bases").iterdir()
    unneeded = dead.with_name("f" * 16)
    unneeded.mkdir()
    command = locked_install.root / "bin/polaris-parsl"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = builder.run(command, "repair", "--prefix", prefix, env=env)
    assert f"deleted: bases/{unneeded.name}" in done.stdout
    assert dead.is_dir()
    done = builder.run(command, "remove", "--all", "--prefix", prefix, env=env)
    assert done.returncode == 0, done.stderr
    assert f"deleted: bases/{dead.name}" in done.stdout
    assert not prefix.exists()


class _Login(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = b"\n<!DOCTYPE html><title>Log in</title>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@contextmanager
def _login() -> Iterator[str]:
    with conda_channel.listening(_Login) as port:
        yield f"http://127.0.0.1:{port}"


def _copied(channel: Path, folder: Path, name: str, content: bytes | None) -> str:
    """A copy of the channel on disk, with one archive damaged or, without a content, missing."""
    shutil.copytree(channel, folder)
    (path,) = folder.glob(f"*/{name}-*")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    return folder.as_uri()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PK another archive", "machine-libraries.* has sha256 .*; conda-lock.yml names sha256"),
        (b"", "machine-libraries.* has sha256 .*; conda-lock.yml names sha256"),
        (None, "cannot read file:///.*machine-libraries"),
    ],
    ids=["another", "cut short", "missing"],
)
def test_an_archive_that_is_not_the_locked_one_publishes_nothing(
    content: bytes | None,
    problem: str,
    packages: list[CondaPackage],
    conda_folder: Path,
    tmp_path: Path,
) -> None:
    mirror = _copied(conda_folder, tmp_path / "mirror", "machine-libraries", content)
    with pytest.raises(LockError, match=problem):
        provide(LockedBase(tuple(packages), mirror=mirror), tmp_path / "prefix", tmp_path / "s")
    assert not list((tmp_path / "prefix").iterdir())


def test_a_wheelhouse_without_the_base_says_how_to_make_one_with_it(
    packages: list[CondaPackage], wheelhouse: Path, tmp_path: Path
) -> None:
    (tmp_path / "conda").mkdir()
    shutil.copy(wheelhouse / "conda" / packages[0].archive, tmp_path / "conda")
    wanted = LockedBase(tuple(packages), archives=tmp_path / "conda")
    with pytest.raises(LockError, match="lacks 2 of 3 conda archives") as refusal:
        provide(wanted, tmp_path / "prefix", tmp_path / "s")
    assert "--with-base" in refusal.value.remedy
    assert not list((tmp_path / "prefix").iterdir())


def test_a_dry_run_names_the_base_and_writes_nothing(
    conda_source: Path, wheelhouse: Path, env: dict[str, str], tmp_path: Path
) -> None:
    prefix = tmp_path / "prefix"
    options = ["--prefix", prefix, "--base", "locked", "--wheelhouse", wheelhouse, "--dry-run"]
    done = builder.run(*builder.install_command(conda_source, *options), env=env)
    assert done.returncode == 0, done.stderr
    assert re.search(
        rf"conda prefix {prefix}/bases/[0-9a-f]{{16}} \(from --base locked\)", done.stdout
    )
    assert not prefix.exists()


def test_a_download_that_breaks_off_publishes_nothing(
    packages: list[CondaPackage], conda_folder: Path, tmp_path: Path
) -> None:
    with conda_channel.served(conda_folder, breaks_off=True) as address:
        wanted = LockedBase(tuple(packages), mirror=address)
        with pytest.raises(LockError, match=r"cannot read http://.*IncompleteRead"):
            provide(wanted, tmp_path / "prefix", tmp_path / "s")
    assert not list((tmp_path / "prefix").iterdir())


def test_a_login_page_is_recognised(packages: list[CondaPackage], tmp_path: Path) -> None:
    with (
        _login() as address,
        pytest.raises(LockError, match="is a web page, for instance of a login"),
    ):
        provide(LockedBase(tuple(packages), mirror=address), tmp_path / "prefix", tmp_path / "s")
    assert not list((tmp_path / "prefix").iterdir())


def test_a_prefix_without_room_in_the_binaries_is_refused_with_both_lengths(
    packages: list[CondaPackage], channel: tuple[Path, str], tmp_path: Path
) -> None:
    long = tmp_path / ("a" * 120) / ("b" * 120)
    long.mkdir(parents=True)
    wanted = LockedBase(tuple(packages), mirror=channel[1])
    length = len(str(long / "bases" / wanted.key))
    words = (
        rf"has {length} characters; the programs of machine-libraries-1-0\.conda have room for 255"
    )
    with pytest.raises(PrefixError, match=words):
        provide(wanted, long, tmp_path / "s")
    assert not list(long.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("_glibc", "2.12", "needs glibc 2.17; this machine has 2.12"),
        ("_glibc", "", "needs glibc 2.17; this machine has none"),
        ("platform.machine", "aarch64", "for linux-64; this machine is linux on aarch64"),
    ],
)
def test_a_machine_that_cannot_run_it_is_refused(
    name: str,
    value: str,
    problem: str,
    packages: Sequence[CondaPackage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_machine(packages)
    monkeypatch.setattr(f"{locked_base.__name__}.{name}", lambda: value)
    with pytest.raises(BaseEnvironmentError, match=problem):
        refuse_machine(packages)


@pytest.mark.parametrize("mirror", ["channel.example.org", "/a/directory", "ftp://host/x"])
def test_a_mirror_that_is_no_address_is_refused(mirror: str) -> None:
    with pytest.raises(OptionError, match=f"the mirror '{mirror}' is not an address"):
        refuse_bad_mirror(mirror)


def test_a_lock_of_another_form_is_refused_before_anything_is_written(
    cache: Path, conda_source: Path, env: dict[str, str], tmp_path: Path
) -> None:
    source = builder.copy_source(tmp_path / "source")
    text = (conda_source / "conda-lock.yml").read_text()
    (source / "conda-lock.yml").write_text(text.replace("\nversion: 1\n", "\nversion: 7\n"))
    words = builder.install_command(source, "--prefix", tmp_path / "prefix", "--base", "locked")
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "has the form 7 of conda-lock" in done.stderr
    assert not (tmp_path / "prefix").exists()


@pytest.fixture(scope="module")
def bundle(locked_install: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pin of the install, with its base."""
    target = tmp_path_factory.mktemp("pins") / "paper"
    command = [locked_install.root / "bin/polaris-parsl", "pin", target, "--wheelhouse"]
    done = builder.run(*command, "--with-base", env=locked_install.env)
    assert done.returncode == 0, done.stderr
    assert re.search(r"conda archives of GNU Parallel and the locked base: \d\d MB", done.stdout)
    return target


def test_a_bundle_is_built_again_by_the_systems_python_without_any_other(
    bundle: Path, locked_install: Any, tmp_path: Path
) -> None:
    """In a file system without the pinned install, with an empty cache, and without a network."""
    hidden = locked_install.prefix
    home, prefix = tmp_path / "home", tmp_path / "again"
    home.mkdir()
    space = builder.namespace("--net", "--map-root-user", "--mount")
    program = bundle / "source/scripts/bootstrap.py"
    script = 'mount -t tmpfs tmpfs "$1"; shift; exec "$@"'
    words = [
        "/usr/bin/python3",
        "-I",
        program,
        "recreate",
        bundle,
        "--prefix",
        prefix,
        "--base",
        "locked",
        "--trust",
        digest(bundle / "SHA256SUMS"),
    ]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = builder.run(*space, "sh", "-ec", script, "sh", hidden, *words, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unpacking the Python of the wheelhouse" in done.stderr
    same = re.search(r"(\d+) files and links are the same, 0 differ", done.stdout)
    assert same
    assert int(same[1]) > 5000
    (root,) = (prefix / "versions").iterdir()
    _, found = libraries(root / "overlay/bin/python")
    assert not [name for name in found if name.startswith((str(hidden), str(conda_python.LIBRARY)))]
    assert (
        builder.run("sha256sum", "-c", "--quiet", "SHA256SUMS", env={}, cwd=bundle).returncode == 0
    )


def test_a_bundle_is_built_again_by_the_command_of_an_install_on_another_interpreter(
    bundle: Path, install: Any, tmp_path: Path
) -> None:
    prefix = tmp_path / "project"
    command = [install.root / "bin/polaris-parsl", "recreate", bundle, "--prefix", prefix]
    trust = ["--trust", digest(bundle / "SHA256SUMS")]
    done = builder.run(*builder.namespace("-rn"), *command, *trust, env=install.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 differ" in done.stdout


def test_the_base_of_a_pin_needs_a_wheelhouse(locked_install: Any, tmp_path: Path) -> None:
    command = [locked_install.root / "bin/polaris-parsl", "pin", tmp_path / "p", "--with-base"]
    done = builder.run(*command, env=locked_install.env)
    assert done.returncode == 2
    assert "--wheelhouse" in done.stderr


def test_a_version_whose_base_is_gone_is_built_again_by_the_command_that_its_module_names(
    locked_install: Any, conda_source: Path, wheelhouse: Path, lmod: Path, tmp_path: Path
) -> None:
    """And the workflow finds the checkpoints of its run before."""
    soft = tmp_path / "soft/mconda3"
    (base,) = (locked_install.prefix / "bases").iterdir()
    shutil.copytree(base, soft, symlinks=True)
    env = locked_install.env
    options = ["--base", soft, "--wheelhouse", wheelhouse]
    made = builder.installed(
        tmp_path / "project", *builder.install_command(conda_source, *options), env=env
    )
    script = tmp_path / "workflow.py"
    shutil.copy(builder.REPOSITORY / "tests/install/locked_workflow.py", script)

    def shell(code: str) -> "subprocess.CompletedProcess[str]":
        start = f"source {lmod}; module use {made.prefix}/modulefiles; module load polaris-parsl || exit; "
        given = {"PATH": env["PATH"], "HOME": env["HOME"], "LMOD_IGNORE_CACHE": "yes"}
        return builder.run("bash", "--norc", "-c", start + code, env={**env, **given})

    run = f"polaris-parsl sandbox -- python {script} {tmp_path / 'runs'}"
    done = shell(run)
    assert "42" in done.stdout.splitlines(), done.stdout + done.stderr
    remove_path(soft)
    done = shell(run)
    said = " ".join(done.stderr.split())
    assert "its base is gone" in said
    named = f"{made.root}/bin/polaris-parsl rebase --base locked"
    assert f"or build it again on a Python of its own: {named}" in said
    for verb in ("verify", "doctor"):
        answer = builder.run(
            *builder.command(conda_source, verb), env={**env, "POLARIS_PARSL_ROOT": str(made.root)}
        )
        assert named in answer.stdout, answer.stdout + answer.stderr
    words = [*named.split(), "--wheelhouse", wheelhouse]
    again = builder.run(*builder.namespace("-rn"), *words, env=env)
    assert again.returncode == 0, again.stdout + again.stderr
    new = made.prefix / "versions" / f"{made.root.name}+locked"
    assert f"installed in {new}, with the locks of {made.root.name}" in again.stdout
    receipts = [json.loads((root / "receipt.json").read_text()) for root in (made.root, new)]
    assert receipts[0]["locks"] == receipts[1]["locks"]
    assert receipts[1]["rebased_from"]["version"] == made.root.name
    assert receipts[1]["rebased_from"]["base"] == str(soft)
    # it is the default now
    done = shell(f"{run}; echo $POLARIS_PARSL_VERSION")
    assert done.stdout.splitlines()[-1] == new.name
    assert "42" in done.stdout.splitlines(), done.stdout + done.stderr
    records = sorted((tmp_path / "runs").glob("*/polaris_parsl/run.jsonl"))
    last = [json.loads(line) for line in records[-1].read_text().splitlines()]
    assert [each["from_checkpoints"] for each in last if each["event"] == "tasks"][-1] == 1
