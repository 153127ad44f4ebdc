"""Archives that are small and unpack to much, or that say of themselves what is not so."""

import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from backports import zstd

from polaris_parsl.env.installer import wheelhouse
from polaris_parsl.errors import BundleError, LockError
from polaris_parsl.pins import members, packed
from polaris_parsl.pins.bundle import open_bundle
from polaris_parsl.pins.packed import opened

TERABYTE = 1 << 40
END = bytes(2 * tarfile.BLOCKSIZE)


def header(name: str, kind: bytes, size: int = 0, **fields: object) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(text: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return header("b/x", kind, len(text)) + text.ljust(tarfile.BLOCKSIZE, b"\0")


BOMBS: dict[str, tuple[bytes, str]] = {
    "a sparse file of a terabyte": (
        header("b/x", tarfile.GNUTYPE_SPARSE, TERABYTE),
        "a sparse file",
    ),
    "a sparse file in the words of PAX": (
        pax(b"30 GNU.sparse.size=1099511627776\n"),
        "a header of the PAX format",
    ),
    "a PAX header of four gigabytes": (
        header("b/x", tarfile.XHDTYPE, 4 << 30),
        "a header of the PAX format",
    ),
    "a PAX header for all members": (
        pax(b"20 path=/etc/passwd\n", tarfile.XGLTYPE),
        "a header of the PAX format",
    ),
    "a PAX header of Solaris": (
        header("b/x", tarfile.SOLARIS_XHDTYPE, 4 << 30),
        "a header of the PAX format",
    ),
    "a name of four gigabytes": (
        header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 4 << 30),
        "a name of 4294967296 bytes; a bundle has 4096 at most",
    ),
    "a target of a link of four gigabytes": (
        header("././@LongLink", tarfile.GNUTYPE_LONGLINK, 4 << 30),
        "of the kind b'K'",
    ),
    "a long name that leads out": (
        header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 12)
        + b"b/../../pwn\0".ljust(tarfile.BLOCKSIZE, b"\0")
        + header("b/x", tarfile.REGTYPE),
        r"names 'b/\.\./\.\./pwn', which is not a file below it",
    ),
    "a file of a terabyte": (
        header("b/x", tarfile.REGTYPE, TERABYTE),
        "bytes in b/x; a bundle has",
    ),
    "a size below zero": (header("b/x", tarfile.REGTYPE, -1), "has -1 bytes in b/x"),
    "a directory with a content": (header("b/x", tarfile.DIRTYPE, 512), "of the kind b'5'"),
    "a character device": (header("b/x", tarfile.CHRTYPE, devmajor=1, devminor=5), "a device"),
    "a block device": (header("b/x", tarfile.BLKTYPE, devmajor=8), "a device"),
    "a kind of its own": (header("b/x", b"Z"), "of the kind b'Z'"),
    "a name that moves the cursor": (header("b/\x1b[2J", tarfile.REGTYPE), r"names 'b/\\x1b\[2J'"),
}


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are unpacked."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(packed, "_extract", lambda *_: pytest.fail("was unpacked"))
    return folder


def packed_as(path: Path, content: bytes) -> Path:
    path.write_bytes(zstd.compress(content))
    return path


@pytest.mark.parametrize("name", BOMBS)
def test_a_member_that_no_bundle_has_is_refused_before_anything_is_unpacked(
    name: str, tmp_path: Path, scratch: Path
) -> None:
    content, message = BOMBS[name]
    # a harmless member comes first, and would be unpacked first
    place = packed_as(tmp_path / "b.tar.zst", header("b/first", tarfile.REGTYPE) + content + END)
    assert place.stat().st_size < 1000
    with pytest.raises(BundleError, match=message) as refusal, opened(place):
        pytest.fail("was accepted")
    assert refusal.value.remedy
    assert not list(scratch.iterdir())


def test_more_members_or_bytes_than_a_bundle_has_are_refused(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"".join(header(f"b/{number}", tarfile.REGTYPE) for number in range(30)) + END
    place = packed_as(tmp_path / "b.tar.zst", content)
    monkeypatch.setattr(members, "MEMBERS_MAX", 20)
    with pytest.raises(BundleError, match="has 21 members; a bundle has 20 at most"), opened(place):
        pytest.fail("was accepted")
    one = header("b/x", tarfile.REGTYPE, 512) + bytes(512)
    place = packed_as(tmp_path / "c.tar.zst", one * 3 + END)
    monkeypatch.setattr(members, "TOTAL_BYTES_MAX", 1200)
    with pytest.raises(BundleError, match="has 1536 bytes; a bundle has 1200"), opened(place):
        pytest.fail("was accepted")
    assert not list(scratch.iterdir())


def test_what_does_not_fit_on_the_disk_is_refused_before_it_is_unpacked(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = header("b/x", tarfile.REGTYPE, 512) + bytes(512) + END
    place = packed_as(tmp_path / "b.tar.zst", content)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(BundleError, match=r"unpacks to 512 bytes; .*0 free"), opened(place):
        pytest.fail("was accepted")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd"])
def test_sums_that_are_a_link_are_refused_at_once(target: str, tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").symlink_to(target)
    with pytest.raises(BundleError, match="SHA256SUMS: it is a link"):
        open_bundle(tmp_path)
    with pytest.raises(LockError, match="is not a wheelhouse"):
        wheelhouse.check_wheelhouse(tmp_path, {})
