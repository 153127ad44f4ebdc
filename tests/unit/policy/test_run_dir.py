import socket
from pathlib import Path

import pytest

from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.policy import run_dir
from polaris_parsl.policy.mounts import Mount
from polaris_parsl.policy.policy import check_policy


def check(folder: str | Path) -> None:
    check_policy(ExecutorOptions.parse({"account": "datascience", "run_dir": folder}))


@pytest.fixture
def on_login_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLARIS_PARSL_SANDBOX", raising=False)
    monkeypatch.setattr(socket, "gethostname", lambda: polaris().login_fqdn)
    monkeypatch.setattr(run_dir, "mount_of", lambda path: Mount(path, "nfs"))


@pytest.mark.usefixtures("on_login_node")
@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/tmp/run", "lies below /tmp, which each node has for itself"),
        ("/var/tmp", "lies below /var/tmp, which"),
        ("/dev/shm/me/run", "lies below /dev/shm, which"),
        ("/local/scratch/run", "lies below /local/scratch, which"),
        ("/lus/grand/projects/demo", "lies on the filesystem 'grand', and .* asks for home:eagle"),
        ("/grand/demo", "lies on the filesystem 'grand'"),
    ],
)
def test_on_a_login_node_a_run_dir_that_compute_nodes_do_not_see_is_refused(
    folder: str, words: str
) -> None:
    with pytest.raises(OptionError, match=words) as refusal:
        check(folder)
    assert "eagle" in refusal.value.remedy
    check("/lus/eagle/projects/demo/runs")


@pytest.mark.usefixtures("on_login_node")
@pytest.mark.parametrize(
    ("kind", "is_refused"), [("xfs", True), ("tmpfs", True), ("lustre", False), ("new", False)]
)
def test_a_run_dir_on_a_file_system_that_is_surely_local_is_refused(
    kind: str, is_refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_dir, "mount_of", lambda _: Mount(Path("/data"), kind))
    check("/eagle/demo")
    if not is_refused:
        check("/data/run")
        return
    with pytest.raises(OptionError, match=rf"lies on {kind} \(/data\), which only this node has"):
        check("/data/run")


@pytest.mark.usefixtures("on_login_node")
def test_a_link_into_tmp_is_seen_through(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/shm")
    with pytest.raises(OptionError, match="lies below /dev/shm"):
        check(tmp_path / "link/run")


def test_in_the_sandbox_a_run_dir_lies_in_a_directory_that_its_nodes_share(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX", str(tmp_path))
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_SHARED", f"/home:{tmp_path}/project")
    check(tmp_path / "project/runs")
    with pytest.raises(
        OptionError, match="not in a directory that the sandbox's nodes share"
    ) as it:
        check(tmp_path / "other")
    assert f"{tmp_path}/project" in it.value.remedy
    assert f"--shared {tmp_path}/other" in it.value.remedy
