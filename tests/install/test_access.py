"""What `audit` makes of modes and ACLs, compared with what the kernel does, for every combination."""

import errno
import itertools
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.env.prefix.access import READ, SEARCH, WRITE, read_access
from polaris_parsl.env.prefix.audit import audit
from polaris_parsl.env.prefix.permissions import make_shared

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several users")

PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"
GROUP, OTHER = 70000, 70009
MEMBER, OUTSIDER, OF_OTHER = 70001, 70003, 70004
BITS = range(8)
ATTRIBUTE = "system.posix_acl_access"
# tags of entries: owner, a user, owning group, a group, mask, others
OWNER, USER, OWNING, NAMED, MASK, REST = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20

ASK = """
import json, os, sys
names = json.load(sys.stdin)
kinds = (os.R_OK, os.W_OK, os.X_OK)
json.dump([[os.access(name, kind) for kind in kinds] for name in names], sys.stdout)
"""


def set_acl(path: Path, *entries: tuple[int, int, int]) -> None:
    """Give a file an ACL of entries of tag, permissions and number."""
    content = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, ATTRIBUTE, content)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        pytest.skip(f"this file system takes no ACLs: {error.strerror}")


@pytest.fixture(scope="module")
def files() -> Iterator[list[Path]]:
    """A file for every combination of permissions that matters, owned by root."""
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-access-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = [_file(folder / f"{group}-{mode:o}", group, mode) for group, mode in _modes()]
        for group, named, number, given, mask in itertools.product(
            (GROUP, OTHER), (USER, NAMED), (GROUP, OTHER, OUTSIDER), BITS, BITS
        ):
            path = folder / f"{group}-{named}-{number}-{given}-{mask}"
            entries = [(OWNER, 7, 0), (OWNING, 4, 0), (MASK, mask, 0), (REST, 1, 0)]
            entries.insert(1 if named == USER else 2, (named, given, number))
            made.append(_file(path, group, 0o600))
            set_acl(path, *entries)
        yield made


def _modes() -> Iterator[tuple[int, int]]:
    for group, its, others in itertools.product((GROUP, OTHER), BITS, BITS):
        yield group, its << 3 | others


def _file(path: Path, group: int, mode: int) -> Path:
    path.touch()
    os.chown(path, 0, group)
    path.chmod(mode)
    return path


def kernel(files: list[Path], user: int, *groups: int) -> list[int]:
    """Permissions that the kernel gives to a user."""
    done = subprocess.run(
        [PYTHON, "-c", ASK],
        input=json.dumps([str(path) for path in files]),
        user=user,
        group=user,
        extra_groups=groups,
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return [READ * reads + WRITE * writes + SEARCH * runs for reads, writes, runs in answers]


def test_a_member_gets_from_the_kernel_what_audit_says(files: list[Path]) -> None:
    said = [read_access(path).members(GROUP) for path in files]
    let = kernel(files, MEMBER, GROUP)
    differing = [(path.name, *both) for path, *both in zip(files, said, let, strict=True)]
    assert len(differing) == 2 * 64 + 2 * 2 * 3 * 64
    assert [each for each in differing if each[1] != each[2]] == []


@pytest.mark.parametrize(("user", "groups"), [(OUTSIDER, ()), (OF_OTHER, (OTHER,))])
def test_no_outsider_writes_whom_audit_does_not_name(
    user: int, groups: tuple[int, ...], files: list[Path]
) -> None:
    let = [bits & WRITE for bits in kernel(files, user, *groups)]
    named = [
        any(read_access(path).outsiders(WRITE, group=GROUP, owners=frozenset())) for path in files
    ]
    assert 0 < let.count(WRITE) < len(files)
    assert [
        path.name for path, may, is_ in zip(files, let, named, strict=True) if may and not is_
    ] == []


def test_an_acl_that_lets_an_outsider_write_is_named_and_can_be_removed() -> None:
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-access-") as name:
        Path(name).chmod(0o755)
        prefix = Path(name, "prefix")
        for place in (prefix, prefix / "versions"):
            make_shared(place, group=GROUP)
        assert audit(prefix, group=GROUP).findings == ()
        entries = [(OWNER, 7, 0), (USER, 7, OUTSIDER), (OWNING, 7, 0), (MASK, 7, 0), (REST, 5, 0)]
        set_acl(prefix / "versions", *entries)
        (finding,) = audit(prefix, group=GROUP).findings
        assert (finding.kind, finding.path) == ("writable", prefix / "versions")
        assert finding.text == f"{OUTSIDER} can write it (root {GROUP} drwxrwsr-x+)"
        assert finding.remedy == f"setfacl --remove-all {prefix}/versions"
