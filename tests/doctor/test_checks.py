import errno
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kills
from polaris_parsl.doctor import install, machine
from polaris_parsl.doctor.findings import Check, DoctorFinding, Result, Status, examine, ok, problem
from polaris_parsl.doctor.here import Here
from polaris_parsl.doctor.listener import listening
from polaris_parsl.doctor.machine import look_at_mpiexec, look_at_tasks, look_at_tmpdir
from polaris_parsl.doctor.node_checks import examine_nodes
from polaris_parsl.doctor.request import look_at_interfaces, look_at_options
from polaris_parsl.doctor.shell import look_at_lmod
from polaris_parsl.doctor.site import look_at_proxy, look_at_queues
from polaris_parsl.doctor.storage import look_at_clock, look_at_run_dir
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.queue_listing import as_pbs
from polaris_parsl.policy import run_dir
from polaris_parsl.policy.mounts import Mount, mount_of


@pytest.fixture
def here(tmp_path: Path) -> Here:
    options = {"account": "datascience", "run_dir": str(tmp_path / "runs")}
    return Here({"PATH": "/nowhere", "HOME": str(tmp_path)}, tmp_path, None, options)


def with_options(here: Here, **more: Any) -> Here:
    return replace(here, user_opts={**here.user_opts, **more})


def with_env(here: Here, **more: str) -> Here:
    return replace(here, env={**here.env, **more})


def only(findings: Iterator[DoctorFinding]) -> DoctorFinding:
    (finding,) = findings
    return finding


def test_a_shell_that_loads_by_lmods_cache_gets_a_note_of_what_that_hides(here: Here) -> None:
    shell = with_env(here, LMOD_CMD=__file__, LMOD_VERSION="8.7.55")
    assert only(look_at_lmod(shell)).status == "ok"
    hides, fine = look_at_lmod(with_env(shell, LMOD_CACHED_LOADS="yes"))
    assert (hides.status, hides.remedy, fine.status) == ("note", "unset LMOD_CACHED_LOADS", "ok")


def test_a_problem_hides_its_consequences_and_names_the_first_cause(here: Here) -> None:
    checks = [
        Check("one", lambda _: [problem("broken", "repair it")]),
        Check("two", lambda _: [problem("never checked", "")], ("one",)),
        Check("three", lambda _: [problem("never checked", "")], ("two",)),
        Check("four", lambda _: [ok("checked")], ()),
    ]
    found = {each.check: each.finding for each in examine(checks, here)}
    assert [each.status for each in found.values()] == ["problem", "unknown", "unknown", "ok"]
    assert found["three"].text == "skipped: depends on 'one' (see above)"


def test_a_refusal_is_a_problem_and_a_failing_check_is_unknown(here: Here) -> None:
    def refuses(_: Here) -> list[DoctorFinding]:
        raise OptionError("no such queue", remedy="name another")

    def fails(_: Here) -> list[DoctorFinding]:
        raise OSError(errno.EIO, "Input/output error")

    refused, failed = examine([Check("a", refuses), Check("b", fails)], here)
    assert refused.finding == problem("no such queue", "name another")
    assert failed.finding.status is Status.UNKNOWN
    assert "Input/output error" in failed.finding.text


def test_options_are_checked_even_without_an_account(here: Here, tmp_path: Path) -> None:
    bare = replace(here, user_opts={"run_dir": str(tmp_path)})
    planned, account = look_at_options(bare)
    assert planned.status is Status.OK
    assert account.status is Status.NOTE
    assert account.text.startswith("no account is given, and PBS refuses a job without one")
    assert account.remedy.startswith('pass account="..."')
    refused = only(look_at_options(replace(bare, user_opts={"queue": "debug", "nodes": 3})))
    assert refused.status is Status.PROBLEM
    assert "nodes is not an option" in refused.text


def test_an_account_of_the_project_file_that_is_a_placeholder_is_named(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "polaris-parsl.toml").write_text('account = "PROJECT"\n')
    monkeypatch.chdir(tmp_path)
    planned, account = look_at_options(replace(here, user_opts={"run_dir": str(tmp_path)}))
    assert planned.status is Status.OK
    assert account.status is Status.NOTE
    assert account.text == "account='PROJECT' is the placeholder of an example, not a project"
    assert account.remedy.startswith("put the ALCF project to charge in its place")
    given = replace(here, user_opts={"run_dir": str(tmp_path), "account": "PROJECT"})
    assert only(look_at_options(given)).status is Status.PROBLEM


def test_an_address_must_be_of_this_node_and_not_the_workers_own(here: Here) -> None:
    sandboxed = with_options(with_env(here, POLARIS_PARSL_SANDBOX="1"), address="127.0.0.1")
    assert only(look_at_interfaces(sandboxed)).status is Status.OK
    # an address reserved for documentation
    foreign = only(look_at_interfaces(with_options(here, address="192.0.2.1")))
    assert foreign.status is Status.PROBLEM
    assert "192.0.2.1 is not an address of this node" in foreign.text


def test_a_missing_mpiexec_is_a_problem_in_a_job_and_not_on_a_login_node(here: Here) -> None:
    assert only(look_at_mpiexec(here)).status is Status.UNKNOWN
    inside = with_env(here, PBS_JOBID="1.pbs", PBS_NODEFILE="/nowhere")
    assert only(look_at_mpiexec(inside)).status is Status.PROBLEM


@pytest.mark.parametrize(
    ("version", "other"),
    [("HYDRA build details:", "MPICH"), ("mpiexec (OpenRTE) 4.1.4", "Open MPI"), ("1.6.1", "")],
)
def test_another_mpiexec_before_the_systems_is_a_problem_in_a_job(
    version: str, other: str, here: Here, tmp_path: Path
) -> None:
    env = program(tmp_path, "mpiexec", f"echo '{version}'")
    login = only(look_at_mpiexec(with_env(here, **env)))
    assert login.status is Status.OK
    assert (f"of {other} here" in login.text) == bool(other)
    job = with_env(here, **env, PBS_JOBID="1.pbs", PBS_NODEFILE="/nowhere")
    found = only(look_at_mpiexec(job))
    assert found.status is (Status.PROBLEM if other else Status.OK)
    assert ("refuses --cpu-bind" in found.text) == bool(other)


def test_the_limit_of_a_control_group_counts(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    for limit, taken, status in (
        ("max", 9, Status.OK),
        ("128", 100, Status.OK),
        ("128", 120, None),
    ):
        (tmp_path / "pids.max").write_text(f"{limit}\n")
        (tmp_path / "pids.current").write_text(f"{taken}\n")
        found = only(look_at_tasks(here))
        assert found.status is (status or Status.PROBLEM)
        if status is None:
            start = f"120 of 128 tasks are taken ({tmp_path}/pids.max), 8 left"
            assert found.text.startswith(start)


@pytest.mark.parametrize("extra", [0, 1])
def test_tmpdir_may_be_as_long_as_linux_allows_and_no_longer(
    extra: int, here: Here, tmp_path_factory: pytest.TempPathFactory
) -> None:
    longest = 75  # 107 characters of a socket, less those of multiprocessing
    base = tmp_path_factory.getbasetemp().parents[1]
    # beside the directories of other runs
    length = longest - len(str(base)) - 15 + extra
    folder = base / f"polaris-parsl-{os.getpid()!s:x<{length}}"
    folder.mkdir()
    try:
        found = only(look_at_tmpdir(with_env(here, TMPDIR=str(folder))))
        assert list(folder.iterdir()) == []
    finally:
        folder.rmdir()
    assert len(str(folder)) == longest + extra
    assert found.status is (Status.PROBLEM if extra else Status.OK)


def test_a_missing_tmpdir_is_named(here: Here) -> None:
    found = only(look_at_tmpdir(with_env(here, TMPDIR="/nowhere")))
    assert found.text == "cannot write to TMPDIR, /nowhere: No such file or directory"


def test_the_mount_of_a_path_is_found() -> None:
    assert mount_of(Path("/proc/self")).kind == "proc"
    assert mount_of(Path("/")).point == Path("/")


def test_the_run_directory_is_checked_and_not_made(here: Here, tmp_path: Path) -> None:
    found = only(look_at_run_dir(here))
    assert found.status is Status.OK
    assert found.text.startswith(f"{tmp_path}/runs on ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lies", "asked", "words"),
    [
        (("lustre", "/eagle/demo"), "home:eagle", None),
        (
            ("lustre", "/eagle/demo"),
            "home",
            "lies on the filesystem 'eagle', and scheduler_options",
        ),
        (("tmpfs", "/scratch"), "home:eagle", "lies on tmpfs (/x), which only this node has"),
        (("xfs", "/scratch"), "home:eagle", "lies on xfs (/x), which only this node has"),
        (("nfs4", "/scratch"), "home:eagle", None),
    ],
)
def test_on_a_login_node_compute_nodes_must_see_the_run_directory(
    lies: tuple[str, str], asked: str, words: str | None,
    here: Here, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kind, folder = lies
    monkeypatch.setattr(socket, "gethostname", lambda: polaris().login_fqdn)
    monkeypatch.setattr(run_dir, "mount_of", lambda _: Mount(Path("/x"), kind))
    wanted = {"run_dir": folder, "scheduler_options": f"#PBS -l filesystems={asked}"}
    found = next(iter(look_at_options(with_options(here, **wanted))))
    if words is None:
        assert found.status is Status.OK
    else:
        assert found.status is Status.PROBLEM
        assert words in found.text


def test_a_clock_that_differs_from_the_filesystems_is_a_problem(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert only(look_at_clock(here)).status is Status.OK
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    found = only(look_at_clock(here))
    assert found.status is Status.PROBLEM
    assert re.search(r"36\d\d s apart", found.text)


@pytest.mark.parametrize(
    ("variables", "status", "words"),
    [
        ({}, Status.NOTE, "none is set"),
        ({"http_proxy": polaris().proxy.url, "no_proxy": "localhost"}, Status.OK, "proxy"),
        ({"http_proxy": polaris().proxy.url}, Status.NOTE, "no_proxy is not set"),
        (
            {"https_proxy": "proxy"},
            Status.PROBLEM,
            "https_proxy is 'proxy', which is not an address",
        ),
        ({"https_proxy": "http://proxy:port"}, Status.PROBLEM, "not an address of a proxy"),
        ({"https_proxy": "http://[proxy:1"}, Status.PROBLEM, "not an address of a proxy"),
        (
            {"http_proxy": "me:secret@proxy"},
            Status.PROBLEM,
            "http_proxy is 'proxy', which is not an address",
        ),
        (
            {"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:1", "no_proxy": "c"},
            Status.PROBLEM,
            "http_proxy and HTTP_PROXY differ: http://a:1 and http://b:1",
        ),
    ],
)
def test_the_variables_of_the_proxy_are_read(
    variables: dict[str, str], status: Status, words: str, here: Here
) -> None:
    found = next(look_at_proxy(with_env(here, **variables)))
    assert found.status is status
    assert words in found.text


def program(folder: Path, name: str, text: str) -> dict[str, str]:
    """An environment with a program of this shell text on PATH."""
    path = folder / "bin" / name
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return {"PATH": f"{path.parent}:/usr/bin:/bin"}


def test_queues_that_differ_from_the_facts_are_noted(here: Here, tmp_path: Path) -> None:
    assert only(look_at_queues(here)).status is Status.UNKNOWN
    queues: dict[str, Any] = {name: as_pbs(queue) for name, queue in polaris().queues.items()}
    queues["workq"] = {"queue_type": "Execution"}
    listing = json.dumps({"pbs_server": "pbs", "pbs_version": "1", "Queue": queues})
    (tmp_path / "listing").write_text(listing)
    env = program(tmp_path, "qstat", f"cat {tmp_path}/listing")
    found = only(look_at_queues(with_env(here, **env)))
    assert found.status is Status.NOTE
    assert "workq, queue: none in the facts, Execution here" in found.text


def test_a_pbs_that_does_not_answer_is_a_problem(here: Here, tmp_path: Path) -> None:
    env = program(tmp_path, "qstat", "echo 'qstat: cannot connect to server' >&2; exit 255")
    (found,) = examine([Check("queues", look_at_queues)], with_env(here, **env))
    assert found.finding.status is Status.PROBLEM
    assert "cannot connect to server" in found.finding.text


def test_only_clients_that_know_the_token_get_the_time() -> None:
    with listening(["127.0.0.1"], (54000, 55000)) as (token, (name,)):
        host, port = name.split(":")
        answers = []
        for word in (token, "another"):
            with socket.create_connection((host, int(port)), timeout=120) as connection:
                connection.sendall(f"{word}\n".encode())
                answers.append(connection.makefile().read())
    assert abs(float(answers[0]) - time.time()) < 60
    assert answers[1] == ""
    # the port is free again; nobody else's run takes it while it is bound
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((host, int(port)), timeout=120)


def test_no_block_is_requested_if_a_check_has_found_a_cause_against_it(here: Here) -> None:
    before = [Result("run_dir", problem("closed", "open it"))]
    (found,) = examine_nodes(here, before)
    assert found.finding.text == "skipped: depends on 'run_dir' (see above)"
    bare = replace(here, user_opts={})
    (found,) = examine_nodes(bare, [])
    assert found.finding.text.startswith("no block requested: no account is given, and PBS refuses")
    assert found.finding.remedy.startswith('pass account="..."')


@pytest.mark.parametrize(
    ("variable", "modulefile"),
    [
        ("LMOD_CMD", f"modulefiles/polaris-parsl/{kills.OLD}.lua"),
        ("MODULES_CMD", f"modulefiles-tcl/polaris-parsl/{kills.OLD}"),
    ],
)
def test_the_modulefile_is_that_of_the_module_system(
    tmp_path: Path, variable: str, modulefile: str
) -> None:
    kills.install(tmp_path, kills.OLD)
    (tmp_path / modulefile).unlink()
    env = {"PATH": "/usr/bin:/bin", variable: "/bin/true"}
    here = Here(env, tmp_path, tmp_path / "versions" / kills.OLD, {})
    (found,) = install.look_at_modulefile(here)
    assert found.status is Status.PROBLEM
    assert found.text == f"there is no {tmp_path / modulefile}"
