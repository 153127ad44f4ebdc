"""`recreate` runs the source of a bundle only where the user trusts that bundle."""

import json
import os
import pty
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

import builder
from polaris_parsl.cli import main
from polaris_parsl.errors import BundleError, ExitCode
from polaris_parsl.pins import recreate as pins
from polaris_parsl.pins.bundle import open_bundle, write_sums
from polaris_parsl.pins.signature import sign


class Place:
    """A bundle, the trace that its source leaves, and a prefix."""

    def __init__(self, folder: Path) -> None:
        self.trace, self.prefix = folder / "trace", folder / "a prefix"
        self.bundle = builder.small_bundle(folder / "a bundle", self.trace)
        self.identity = open_bundle(self.bundle).identity
        self.words = ["recreate", str(self.bundle), "--prefix", str(self.prefix)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def call(
    *words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Exit code of the command, and its words on standard error."""
    monkeypatch.setattr(sys, "argv", ["polaris-parsl", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    return int(ended.value.code or 0), capsys.readouterr().err


def test_a_script_learns_what_to_type_and_that_runs_it(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = call(*place.words, monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.BUNDLE
    assert not place.trace.exists()
    assert not place.prefix.exists()
    assert f"{sys.executable} -I source/scripts/bootstrap.py install --prefix" in said
    assert f"sha256 of SHA256SUMS: {place.identity}\n  signed by nobody\n" in said
    typed = shlex.split(said.rpartition("then type: ")[2])
    assert typed == ["polaris-parsl", *place.words, "--trust", place.identity]
    code, said = call(*typed[1:], monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.DONE, said
    assert place.trace.exists()


def test_whoever_has_only_a_source_tree_learns_to_start_that_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # as scripts/bootstrap.py starts the command
    monkeypatch.setenv("POLARIS_BOOTSTRAP_PYTHONPATH", "")
    again = ["python3", "-I", "scripts/bootstrap.py", "recreate", str(place.bundle)]
    monkeypatch.chdir(builder.REPOSITORY)
    _, said = call(*place.words, monkeypatch=monkeypatch, capsys=capsys)
    assert shlex.split(said.rpartition("then type: ")[2])[: len(again)] == again
    monkeypatch.chdir("/")
    _, said = call("verify", str(place.bundle), monkeypatch=monkeypatch, capsys=capsys)
    assert "polaris-parsl recreate" not in said


def test_another_bundle_than_the_one_that_is_trusted_is_not_run(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for other in ("0" * 64, place.identity[:12]):
        words = [*place.words, "--trust", other]
        code, said = call(*words, monkeypatch=monkeypatch, capsys=capsys)
        assert code == ExitCode.BUNDLE
        assert f"is not the bundle that --trust names: it is {place.identity}" in said
    assert not place.trace.exists()


@pytest.mark.parametrize(("answer", "code"), [("n", 14), ("", 14), ("y", 0)])
def test_on_a_terminal_it_asks(answer: str, code: int, place: Place) -> None:
    terminal, tty = pty.openpty()
    os.write(terminal, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "polaris_parsl", *place.words],
        stdin=tty, stderr=tty, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    said = os.read(terminal, 10000).decode()
    os.close(terminal)
    os.close(tty)
    assert done.returncode == code, said
    assert "run it? [y/N]" in said
    assert place.identity in said
    assert place.trace.exists() == (answer == "y")


def test_a_bundle_of_an_allowed_signer_runs_and_no_other(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("ada", "eve"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(words, check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"ada@example.org {(tmp_path / 'ada.pub').read_text()}")
    allowed = ["--allowed-signers", str(signers)]
    sign(place.bundle, tmp_path / "eve", os.environ)
    for verb in (["verify", str(place.bundle)], place.words):
        code, said = call(*verb, *allowed, monkeypatch=monkeypatch, capsys=capsys)
        assert code == ExitCode.BUNDLE
        assert "is not signed for this by anybody" in said
    (place.bundle / "SHA256SUMS.sig").unlink()
    sign(place.bundle, tmp_path / "ada", os.environ)
    _, said = call(*place.words, monkeypatch=monkeypatch, capsys=capsys)
    assert "signed by somebody: --allowed-signers FILE says who" in said
    _, said = call("verify", str(place.bundle), *allowed, monkeypatch=monkeypatch, capsys=capsys)
    assert "signed by ada@example.org, ED25519 key SHA256:" in said
    assert not place.trace.exists()
    code, said = call(*place.words, *allowed, monkeypatch=monkeypatch, capsys=capsys)
    assert code == ExitCode.DONE, said
    assert place.trace.exists()


def test_a_source_that_changes_after_it_was_looked_at_is_not_run(place: Place) -> None:
    whole = open_bundle(place.bundle)
    with (place.bundle / "source/scripts/bootstrap.py").open("a") as stream:
        stream.write("print()\n")
    with pytest.raises(BundleError, match="has changed since it was read"):
        pins.recreate(
            whole, prefix=place.prefix, base=None, env=os.environ, step=lambda _: nullcontext()
        )
    assert not place.trace.exists()


@pytest.mark.parametrize(
    ("key", "value"), [("version", "../../x"), ("version", "/x"), ("track", "x/../../y")]
)
def test_a_bundle_whose_version_is_a_path_is_refused(key: str, value: str, place: Place) -> None:
    receipt = json.loads((place.bundle / "receipt.json").read_bytes())
    (place.bundle / "receipt.json").write_text(json.dumps({**receipt, key: value}))
    write_sums(place.bundle)
    with pytest.raises(BundleError, match=r"names the version .*, which is none"):
        open_bundle(place.bundle)
