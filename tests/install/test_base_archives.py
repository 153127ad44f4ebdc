"""Where a locked base comes from: an archive, mirror or machine that does not fit publishes nothing."""

import http.server
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

import builder
import conda_channel
from polaris_parsl.env.installer import locked_base
from polaris_parsl.env.installer.conda_archives import refuse_bad_mirror
from polaris_parsl.env.installer.locked_base import LockedBase, provided, refuse_machine
from polaris_parsl.env.locks.files import CondaPackage
from polaris_parsl.errors import BaseEnvironmentError, LockError, OptionError, PrefixError


def files_of(base: Path) -> dict[str, Any]:
    """The receipt of a base, without its byte code, which test_base_again.py compares."""
    data: dict[str, Any] = json.loads((base / "receipt.json").read_text())
    data["files"] = {name: each for name, each in data["files"].items() if name[-4:] != ".pyc"}
    data["prefix_bound"] = [name for name in data["prefix_bound"] if name[-4:] != ".pyc"]
    return data


def provide(wanted: LockedBase, prefix: Path, scratch: Path) -> Path:
    """Let an install build a base, and fail: nothing is left then but what the test looks at."""
    prefix.mkdir(exist_ok=True)
    scratch.mkdir(exist_ok=True)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(scratch)}
    # to compile it would take the most time
    options: Any = {"group": None, "scratch": scratch, "env": env, "is_kept": False}
    with provided(wanted, prefix, step=lambda _: nullcontext(), **options) as build:
        root = build()
        shutil.copytree(root, scratch / "seen", symlinks=True)
    return scratch / "seen"


def test_the_same_records_give_the_same_bytes_from_a_mirror_at_another_place(
    own_base: Path, packages: list[CondaPackage], channel: tuple[Path, str], tmp_path: Path
) -> None:
    wanted = LockedBase(tuple(packages), mirror=f"{channel[1]}/")
    assert wanted.key == own_base.name
    one, other = (
        files_of(own_base),
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
