"""A bundle in one file: the same bytes each time, and all names checked before one is used."""

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from backports import zstd

from polaris_parsl.errors import BundleError, PrefixError
from polaris_parsl.pins.bundle import write_sums
from polaris_parsl.pins.packed import new_bundle, opened


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, len(content), "/etc/passwd"
    return info


@contextmanager
def written(path: Path) -> Iterator[tarfile.TarFile]:
    with zstd.open(path, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        yield tar


def archive_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with written(path) as tar:
        for each in members:
            tar.addfile(each, io.BytesIO(b"\0" * each.size))
    return path


MEMBERS: dict[str, tuple[list[tarfile.TarInfo], str]] = {
    "a name that leads out": (
        [member("b/x"), member("b/../../victim", b"x")],
        r"names 'b/\.\./\.\./victim', which is not a file below it",
    ),
    "an absolute name": ([member("/victim", b"x")], r"names '/victim', which is not"),
    "a name with a detour": ([member("b/./victim")], r"names 'b/\./victim', which is not"),
    "a link": ([member("b/x", kind=tarfile.SYMTYPE)], r"'b/x' is a link; a bundle"),
    "a hard link": ([member("b/x", kind=tarfile.LNKTYPE)], r"'b/x' is a link; a bundle"),
    "a pipe": ([member("b/x", kind=tarfile.FIFOTYPE)], r"'b/x' is a pipe; a bundle"),
    "two directories": ([member("a/x"), member("b/x")], r"holds 2 directories; a bundle is one"),
    "nothing": ([], r"holds 0 directories"),
    "a name twice": ([member("b/x", b"1"), member("b/x", b"2")], r"cannot unpack .*File exists"),
    "a file that is a directory too": ([member("b"), member("b/x")], r"cannot unpack"),
    "no bundle": ([member("b/x")], r"bundle\.tar\.zst/SHA256SUMS: No such file"),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_an_archive_is_refused_and_nothing_is_written_outside(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    members, message = MEMBERS[name]
    place = archive_of(tmp_path / "bundle.tar.zst", *members)
    with pytest.raises(BundleError, match=message) as refusal, opened(place):
        pytest.fail("was accepted")
    assert refusal.value.remedy
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {
        "bundle.tar.zst",
        "tmp",
    }
    assert not Path("/victim").exists()


@pytest.mark.parametrize("length", [-20, 9, 0])
def test_an_archive_that_is_cut_short_is_refused(length: int, tmp_path: Path) -> None:
    place = archive_of(tmp_path / "bundle.tar.zst", member("b/x", b"1"))
    place.write_bytes(place.read_bytes()[:length])
    with pytest.raises(BundleError, match=r"cannot unpack|holds 0 directories"), opened(place):
        pytest.fail("was accepted")


def fill(folder: Path) -> None:
    (folder / "source/scripts").mkdir(parents=True)
    (folder / "source/scripts/bootstrap.py").write_text("print()\n")
    (folder / "base.json").write_text("{}")
    (folder / "receipt.json").write_text("{}")
    write_sums(folder)


def fill_too_late(target: Path) -> None:
    with new_bundle(target) as folder:
        fill(folder)
        target.write_text("theirs")


def test_the_same_bundle_gives_the_same_file_and_is_never_replaced(tmp_path: Path) -> None:
    for parent, when in (("one", 1_000_000_000), ("two", 1_500_000_000)):
        (tmp_path / parent).mkdir()
        with new_bundle(tmp_path / parent / "paper.tar.zst") as folder:
            fill(folder)
            os.utime(folder / "base.json", (when, when))
    one, two = (tmp_path / name / "paper.tar.zst" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_mode & 0o777 == 0o644
    with pytest.raises(PrefixError, match="exists already"), new_bundle(one):
        pytest.fail("began")
    with zstd.open(one) as stream, tarfile.open(fileobj=stream) as tar:
        assert {name.partition("/")[0] for name in tar.getnames()} == {"paper"}


def test_a_bundle_that_fails_or_comes_too_late_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "paper.tar.zst"
    with pytest.raises(RuntimeError), new_bundle(target):
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    with pytest.raises(PrefixError, match="File exists"):
        fill_too_late(target)
    assert [path.name for path in tmp_path.iterdir()] == ["paper.tar.zst"]
    assert target.read_text() == "theirs"
