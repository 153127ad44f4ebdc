"""Signatures of bundles, made and checked by the real ssh-keygen."""

import os
import subprocess
from pathlib import Path

import pytest

import builder
from polaris_parsl.errors import BundleError, MissingToolError
from polaris_parsl.pins.bundle import Bundle, open_bundle, write_sums
from polaris_parsl.pins.signature import sign, signer_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle without a signature."""
    return builder.small_bundle(tmp_path / "bundle", tmp_path / "trace")


def new_key(folder: Path, name: str) -> Path:
    """A private key without a passphrase."""
    key = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key], check=True
    )
    return key


def allow(folder: Path, **keys: Path) -> Path:
    """A file of allowed signers."""
    file = folder / "signers"
    lines = [f"{name}@example.org {Path(f'{key}.pub').read_text()}" for name, key in keys.items()]
    file.write_text("".join(lines))
    return file


def signed(folder: Path, key: Path) -> Bundle:
    """The bundle, signed."""
    sign(folder, key, os.environ)
    return open_bundle(folder)


def test_the_signer_is_named(folder: Path, tmp_path: Path) -> None:
    ada, eve = new_key(tmp_path, "ada"), new_key(tmp_path, "eve")
    before = open_bundle(folder).identity
    bundle = signed(folder, ada)
    assert bundle.identity == before
    found = signer_of(bundle, allow(tmp_path, eve=eve, ada=ada), os.environ)
    assert found.startswith("ada@example.org, ED25519 key SHA256:")


def test_nobody_else_signs_for_somebody_who_is_allowed(folder: Path, tmp_path: Path) -> None:
    ada, eve = new_key(tmp_path, "ada"), new_key(tmp_path, "eve")
    bundle = signed(folder, eve)
    with pytest.raises(BundleError, match="not signed for this by anybody whom"):
        signer_of(bundle, allow(tmp_path, ada=ada), os.environ)


def test_a_signature_is_for_these_sums_and_this_purpose_alone(folder: Path, tmp_path: Path) -> None:
    ada = new_key(tmp_path, "ada")
    signers = allow(tmp_path, ada=ada)
    sign(folder, ada, os.environ)
    (folder / "source/more").write_text("more")
    write_sums(folder)
    with pytest.raises(BundleError, match="not signed for this"):
        signer_of(open_bundle(folder), signers, os.environ)
    (folder / "SHA256SUMS.sig").unlink()
    # as a commit is signed
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f"]
    subprocess.run([*words, ada, folder / "SHA256SUMS"], check=True, capture_output=True)
    with pytest.raises(BundleError, match="not signed for this"):
        signer_of(open_bundle(folder), signers, os.environ)


def test_what_is_not_signed_or_changes_meanwhile_is_refused(folder: Path, tmp_path: Path) -> None:
    ada = new_key(tmp_path, "ada")
    signers = allow(tmp_path, ada=ada)
    with pytest.raises(BundleError, match="is not signed"):
        signer_of(open_bundle(folder), signers, os.environ)
    bundle = signed(folder, ada)
    with pytest.raises(BundleError, match="cannot read"):
        signer_of(bundle, tmp_path / "none", os.environ)
    with (folder / "SHA256SUMS").open("a") as stream:
        stream.write(f"{'0' * 64}  x\n")
    with pytest.raises(BundleError, match="changes while it is read"):
        signer_of(bundle, signers, os.environ)


def test_a_key_that_cannot_sign_and_a_missing_ssh_keygen_are_named(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "no key").write_text("text\n")
    with pytest.raises(BundleError, match="no key does not sign"):
        sign(folder, tmp_path / "no key", os.environ)
    with pytest.raises(MissingToolError, match="there is no ssh-keygen"):
        sign(folder, tmp_path / "no key", {"PATH": "/nowhere"})


def test_a_signature_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "SHA256SUMS.sig").symlink_to(tmp_path / "x")
    with pytest.raises(BundleError, match=r"SHA256SUMS\.sig is a link"):
        open_bundle(folder)
