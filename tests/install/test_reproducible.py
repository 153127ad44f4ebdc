"""The same locks on the same base give the same files, whoever builds them, when and from where.

One install comes from index and channel, in the usual way. The other is made from a
wheelhouse: in another directory, without a network, by another user, with another
umask, locale, time zone and clock.
"""

import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

import builder
import preload
from polaris_parsl.env.prefix.permissions import seal
from polaris_parsl.version import VERSION

RECEIPT = f"versions/{VERSION}/receipt.json"
STATE = "state/00000001.json"
MODULEFILES = {
    f"modulefiles/polaris-parsl/{VERSION}.lua",
    f"modulefiles-tcl/polaris-parsl/{VERSION}",
}


@pytest.fixture(scope="module")
def other(
    *, wheelhouse: Path, conda_base: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The prefix of the other install, whose user has tools already and nothing else in a cache."""
    folder = tmp_path_factory.mktemp("other")
    builder.copy_cache(cache, folder / "home/.cache", locks=())
    unpacked = builder.run("tar", "-xf", *wheelhouse.glob("*.tar.gz"), "-C", folder, env={})
    assert unpacked.returncode == 0, unpacked.stderr
    prefix = folder / "p"
    options = ["--prefix", prefix, "--base", conda_base, "--base-module", "conda/2025-09-25"]
    (source,) = folder.glob("polaris_parsl-*")
    command = builder.install_command(source, *options, "--wheelhouse", wheelhouse)
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "de",
        "TZ": "Asia/Tokyo",
        # no other setting of pip may count
        "PIP_FIND_LINKS": "http://127.0.0.1:9/",
        "PIP_NO_BINARY": ":all:",
        **preload.clock_of_tomorrow(folder),
    }
    ahead = builder.run("date", "+%s", env=env).stdout
    assert int(ahead) > time.time() + 900 * 86400
    script = 'umask 0077; test "$(id -u)" = 1000; exec "$@"'
    done = builder.run(*builder.without_network("bash", "-e", "-c", script, "-", *command), env=env)
    assert done.returncode == 0, done.stderr
    return prefix


def test_two_installs_differ_only_where_the_documentation_says(
    conda_install: Any, other: Path
) -> None:
    one, two = builder.tree(conda_install.prefix), builder.tree(other)
    assert one.keys() == two.keys()
    receipts = [
        json.loads((prefix / RECEIPT).read_text()) for prefix in (conda_install.prefix, other)
    ]
    bound = {f"versions/{VERSION}/{name}" for name in receipts[0]["prefix_bound"]}
    assert f"versions/{VERSION}/gnu-parallel/bin/parallel" in bound
    differing = {name for name in one if one[name] != two[name]}
    bare = {name for name in differing if "/gnu-parallel/" not in name}
    assert bare == {RECEIPT, STATE, *MODULEFILES}
    assert bound <= differing
    keys = {key for key in receipts[0] if receipts[0][key] != receipts[1][key]}
    assert keys - {"size_bytes"} == {"prefix", "command", "files"}
    shared = [name for name in one if name.startswith(f"versions/{VERSION}/overlay")]
    assert len(shared) > 500
    assert f"versions/{VERSION}/overlay.tar.zst" in shared


def test_a_wheelhouse_gives_gnu_parallel_as_well(other: Path, env: dict[str, str]) -> None:
    root = other / "versions" / VERSION
    done = builder.run(root / "bin/parallel", "echo", ":::", "here", env=env)
    assert done.stdout == "here\n"
    program = (root / "bin/parallel").read_text()
    assert program.startswith(f"#!{root}/gnu-parallel/bin/perl")


def test_the_archive_holds_the_overlay_without_owner_and_time(conda_install: Any) -> None:
    with (
        zstd.open(conda_install.root / "overlay.tar.zst") as stream,
        tarfile.open(fileobj=stream) as archive,
    ):
        members = archive.getmembers()
    names = [member.name for member in members]
    found = {
        "overlay",
        *(f"overlay/{name}" for name in builder.tree(conda_install.root / "overlay")),
    }
    assert set(names) == found
    assert names == sorted(names, key=Path)
    assert {(member.uid, member.gid, member.mtime) for member in members} == {(0, 0, 1577836800)}


def test_the_archive_unpacked_elsewhere_runs(conda_install: Any, tmp_path: Path) -> None:
    archive = conda_install.root / "overlay.tar.zst"
    done = builder.run("tar", "-xf", archive, "-C", tmp_path, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    seal(tmp_path / "overlay", group=None)
    assert builder.tree(tmp_path / "overlay") == builder.tree(conda_install.root / "overlay")
    code = "import parsl, polaris_parsl, sys; print(sys.prefix, parsl.__file__)"
    env = {"PATH": "/usr/bin:/bin"}
    done = builder.run(tmp_path / "overlay/bin/python", "-c", code, env=env)
    prefix, place = done.stdout.split()
    assert prefix == str(tmp_path / "overlay")
    assert place.startswith(prefix)
    worker = tmp_path / "overlay/bin/process_worker_pool.py"
    assert builder.run(worker, "--help", env=env).returncode == 0
