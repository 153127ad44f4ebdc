"""The checks that refuse a bundle before anything of it is used."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from polaris_parsl.env.receipt import FORMAT
from polaris_parsl.errors import BundleError
from polaris_parsl.pins.bundle import open_bundle, write_sums

LOCK = "parsl==1 --hash=sha256:00\n"
RECEIPT = {
    "format": FORMAT,
    "version": "1",
    "prefix": "/p",
    "locks": {"overlay.lock": hashlib.sha256(LOCK.encode()).hexdigest()},
    "base": {},
    "overlay": [],
    "from_base": {},
    "prefix_bound": [],
    "links": {},
    "files": {},
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The smallest possible bundle."""
    folder = tmp_path / "bundle"
    (folder / "source/scripts").mkdir(parents=True)
    (folder / "source/scripts/bootstrap.py").write_text("print()\n")
    (folder / "source/overlay.lock").write_text(LOCK)
    (folder / "receipt.json").write_text(json.dumps(RECEIPT))
    (folder / "base.json").write_text("{}")
    write_sums(folder)
    return folder


def rewrite(folder: Path, text: str) -> None:
    (folder / "receipt.json").write_text(text)
    write_sums(folder)


def add_line(folder: Path, name: str) -> None:
    with (folder / "SHA256SUMS").open("a") as stream:
        stream.write(f"{'0' * 64}  {name}\n")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed lock": (
        lambda folder: (folder / "source/overlay.lock").write_text("parsl==2\n"),
        r"files differ from SHA256SUMS: source/overlay\.lock",
    ),
    "a changed receipt": (
        lambda folder: (folder / "receipt.json").write_text("{}"),
        r"files differ from SHA256SUMS: receipt\.json",
    ),
    "a missing file": (
        lambda folder: (folder / "base.json").unlink(),
        r"files that are missing: base\.json",
    ),
    "a file more": (
        lambda folder: (folder / "source/sitecustomize.py").write_text(""),
        r"SHA256SUMS does not name: source/sitecustomize\.py",
    ),
    "no sums": (
        lambda folder: (folder / "SHA256SUMS").unlink(),
        r"cannot read .*SHA256SUMS: No such file",
    ),
    "sums that are no text": (
        lambda folder: (folder / "SHA256SUMS").write_bytes(b"\xff\xfe"),
        r"cannot read .*SHA256SUMS: it is not text",
    ),
    "a line that is none": (
        lambda folder: (folder / "SHA256SUMS").write_text("hello\n"),
        r"SHA256SUMS has the line 'hello'",
    ),
    "a file named twice": (
        lambda folder: add_line(folder, "base.json"),
        r"SHA256SUMS names base\.json twice",
    ),
    "a name that leads out": (
        lambda folder: add_line(folder, "source/../../victim"),
        r"names 'source/\.\./\.\./victim', which is not a file below the bundle",
    ),
    "an absolute name": (
        lambda folder: add_line(folder, "/etc/passwd"),
        r"names '/etc/passwd', which is not a file below the bundle",
    ),
    "a name with a detour": (
        lambda folder: add_line(folder, "source//overlay.lock"),
        r"names 'source//overlay\.lock', which is not",
    ),
    "a link to a file": (
        lambda folder: (folder / "link").symlink_to("/etc/passwd"),
        r"link is a link; a bundle holds files and directories only",
    ),
    "a link to a directory": (
        lambda folder: (folder / "source/etc").symlink_to("/etc"),
        r"source/etc is a link",
    ),
    "a pipe": (
        lambda folder: os.mkfifo(folder / "pipe"),
        r"pipe is a special file",
    ),
    "a receipt that is not JSON": (
        lambda folder: rewrite(folder, "{"),
        r"receipt\.json is not JSON",
    ),
    "a receipt that is not an object": (
        lambda folder: rewrite(folder, "[]"),
        r"receipt\.json is damaged: it is not a JSON object",
    ),
    "a receipt without its parts": (
        lambda folder: rewrite(folder, json.dumps({**RECEIPT, "files": None})),
        r"receipt\.json is damaged: it lacks files",
    ),
    "a receipt of another format": (
        lambda folder: rewrite(folder, json.dumps({**RECEIPT, "format": 99})),
        r"has format 99; this polaris-parsl reads \d+",
    ),
    "a receipt of other locks": (
        lambda folder: rewrite(folder, json.dumps({**RECEIPT, "locks": {"overlay.lock": "0"}})),
        r"source/overlay\.lock is not the lock that receipt\.json names",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_bad_bundle_is_refused_with_the_reason(name: str, bundle: Path) -> None:
    damage, message = DAMAGE[name]
    damage(bundle)
    with pytest.raises(BundleError, match=message) as refusal:
        open_bundle(bundle)
    assert refusal.value.remedy


def test_a_complete_bundle_is_accepted_and_identified_by_the_digest_of_its_sums(
    bundle: Path,
) -> None:
    opened = open_bundle(bundle)
    sums = (bundle / "SHA256SUMS").read_bytes()
    assert opened.identity == hashlib.sha256(sums).hexdigest() == write_sums(bundle)
    assert opened.wheelhouse is None


def test_a_directory_that_is_not_a_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write_sums(tmp_path)
    with pytest.raises(
        BundleError, match=r"it is not a bundle of polaris-parsl, it lacks: base\.json"
    ):
        open_bundle(tmp_path)
    with pytest.raises(BundleError, match="there is no bundle"):
        open_bundle(tmp_path / "file")


def test_a_name_that_sha256sum_would_escape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "two\nlines").write_text("")
    with pytest.raises(BundleError, match=r"a file named 'two\\nlines'"):
        write_sums(tmp_path)
