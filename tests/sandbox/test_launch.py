import shutil
from pathlib import Path

import pytest

from polaris_parsl.errors import MissingToolError, SandboxError
from polaris_parsl.sandbox.launch import run_sandbox
from polaris_parsl.sandbox.linux.isolation import asked_isolation, choose_isolation
from polaris_parsl.sandbox.linux.nodes import node_names


def test_a_command_has_its_streams_and_its_exit_code_after_one_line_of_the_sandbox(run, isolation):
    script = "cat; echo err >&2; hostname; printenv POLARIS_PARSL_SANDBOX; exit 42"
    done = run("sh", "-c", script, nodes=2, stdin=None, input="in\n")
    assert done.returncode == 42
    *lines, state = done.stdout.splitlines()
    assert lines == ["in", "polaris-login-01"]
    first, *others = done.stderr.splitlines()
    assert f"isolation {isolation}, 2 nodes" in first
    assert others == ["err"]
    # nobody chose it, so it was temporary
    assert Path(state).is_absolute()
    assert not Path(state).exists()


def test_a_command_that_does_not_exist_exits_with_127(run):
    done = run("no-such-command")
    assert done.returncode == 127
    assert "no-such-command" in done.stderr


def test_an_isolation_that_does_not_exist_is_refused():
    with pytest.raises(SandboxError, match="POLARIS_PARSL_SANDBOX_ISOLATION=docker"):
        choose_isolation("docker")


def test_the_old_name_of_the_variable_is_refused_with_the_new_one():
    with pytest.raises(SandboxError, match="now called POLARIS_PARSL_SANDBOX_ISOLATION"):
        asked_isolation({"POLARIS_PARSL_SANDBOX_TIER": "loopback"})


def test_without_a_c_compiler_the_error_names_the_package_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_ISOLATION", "loopback")
    with pytest.raises(MissingToolError, match="libc6-dev"):
        run_sandbox(["true"], nodes=1, state=None)


def test_without_ip_the_sandbox_chooses_loopback(monkeypatch, tmp_path):
    for tool in ("setpriv", "unshare"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert choose_isolation("") == "loopback"
    with pytest.raises(SandboxError, match="no ip on PATH"):
        choose_isolation("namespaces")


def test_a_state_directory_with_a_blank_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_ISOLATION", "loopback")
    with pytest.raises(SandboxError, match="a blank or a colon"):
        run_sandbox(["true"], nodes=1, state=tmp_path / "a b")


@pytest.mark.parametrize("isolation", ["loopback"], indirect=True)
def test_two_sandboxes_do_not_share_a_state_directory(sandbox, monkeypatch):
    monkeypatch.setenv("POLARIS_PARSL_SANDBOX_ISOLATION", "loopback")
    with pytest.raises(SandboxError, match="another sandbox runs in"):
        run_sandbox(["true"], nodes=1, state=sandbox.state)


def test_a_state_directory_may_have_a_long_path(start, tmp_path):
    sandbox = start(folder=tmp_path / ("long" * 40))
    assert sandbox.wait(sandbox.submit("true\n"))["Exit_status"] == 0


def test_node_names_follow_the_naming_scheme():
    names = node_names(20)
    assert len(set(names)) == 20
    assert names[:2] == ["x3001c0s1b0n0", "x3001c0s1b1n0"]
