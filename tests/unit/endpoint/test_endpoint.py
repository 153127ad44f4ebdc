import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from typer.testing import CliRunner

import polaris_parsl.configuration.on_node
from polaris_parsl.cli.main import app
from polaris_parsl.configuration.image import ImageChoice
from polaris_parsl.endpoint.environment import Environment
from polaris_parsl.endpoint.files import endpoint_files
from polaris_parsl.errors import MissingToolError, OptionError, PrefixError
from polaris_parsl.facts.polaris import polaris

PYTHON = Path("/eagle/datascience/my env/bin/python")
ENVIRONMENT = Environment(PYTHON, *next(iter(polaris().globus_compute.tested.items())))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PBS_JOBID", "PBS_NODEFILE"):
        monkeypatch.delenv(name, raising=False)


def read(**given: Any) -> dict[str, Any]:
    files = endpoint_files({"account": "datascience", **given}, ENVIRONMENT)
    found: dict[str, Any] = yaml.safe_load(jinja2.Template(files.template).render())
    return found


def test_an_idle_endpoint_holds_no_nodes_unless_options_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocks(**given: Any) -> tuple[int, int, int]:
        provider = read(queue="preemptable", **given)["engine"]["provider"]
        return provider["init_blocks"], provider["min_blocks"], provider["max_blocks"]

    assert blocks() == (0, 0, 1)
    assert blocks(min_blocks=1) == (1, 1, 1)
    assert blocks(init_blocks=1) == (1, 0, 1)
    (tmp_path / "polaris-parsl.toml").write_text("init_blocks = 2\nmax_blocks = 3\n")
    assert blocks() == (2, 0, 3)
    monkeypatch.setenv("POLARIS_PARSL_INIT_BLOCKS", "3")
    assert blocks() == (3, 0, 3)


def test_an_endpoint_does_not_end_before_its_blocks() -> None:
    facts = polaris().globus_compute

    def idle(**given: Any) -> tuple[int, int]:
        found = read(queue="preemptable", **given)
        return found["idle_heartbeats_soft"], found["idle_heartbeats_hard"]

    assert idle(walltime="0:10:00") == (10, facts.idle_heartbeats_hard + 20)
    assert idle(max_idletime=3600.0)[0] == 121
    assert idle(min_blocks=1)[0] == 0
    assert facts.heartbeat_seconds * idle(walltime="72:00:00")[1] > 72 * 3600


def test_an_endpoint_whose_users_choose_the_walltime_outlasts_the_longest() -> None:
    opts = {"account": "datascience", "queue": "debug"}
    files = endpoint_files(opts, ENVIRONMENT, choices=["walltime"])
    found = yaml.safe_load(jinja2.Template(files.template).render())
    facts = polaris().globus_compute
    longest = max(queue.walltime_max_minutes for queue in polaris().queues.values())
    assert found["idle_heartbeats_hard"] * facts.heartbeat_seconds > 60 * longest


def test_the_address_is_looked_up_where_the_endpoint_starts() -> None:
    def address(**given: Any) -> Any:
        return read(**given)["engine"]["address"]

    first = polaris().interfaces[0]
    assert address() == {"type": "address_by_interface", "ifname": first}
    assert address(interface="bond0") == {"type": "address_by_interface", "ifname": "bond0"}
    assert address(address="10.0.0.1") == "10.0.0.1"


def test_a_template_written_inside_a_job_is_for_a_login_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBS_JOBID", "1.pbs")
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "nodes"))
    provider = read()["engine"]["provider"]
    assert provider["type"] == "PBSProProvider"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"mode": "inside_job"}, "mode='inside_job', but an endpoint runs on a login node"),
        ({"mode": "sandbox"}, "mode='sandbox'"),
        ({"usage_tracking": 3}, "usage_tracking=3 has no meaning"),
        ({"initialize_logging": False}, "initialize_logging=False has no meaning"),
        ({"executors": {"a": {}, "b": {}}, "queue": "preemptable"}, r"2 executors \(a, b\)"),
        ({"strategy": "none"}, "would never request a block from PBS"),
        ({"nodes_per_block": 3}, "debug"),
        ({"worker": 3}, "worker is not an option"),
    ],
)
def test_options_that_an_endpoint_does_not_support_are_refused(
    given: dict[str, Any], problem: str
) -> None:
    with pytest.raises(OptionError, match=problem):
        read(**given)


def test_a_script_for_mps_whose_path_the_engine_would_split_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(workers_per_gpu=2)
    monkeypatch.setattr(
        polaris_parsl.configuration.on_node, "own_package", lambda: Path("/eagle/my project")
    )
    with pytest.raises(OptionError, match="workers_per_gpu=2 needs a script whose path"):
        read(workers_per_gpu=2)


def test_the_script_of_a_block_stops_if_another_endpoint_comes_first_on_path(
    tmp_path: Path,
) -> None:
    script = read(run_dir=tmp_path / "runs")["engine"]["provider"]["worker_init"]
    for name in ("mpiexec", "globus-compute-endpoint"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    # the interpreter of the template is not on this machine
    script = script.replace(f"'{PYTHON}' -P", f"echo {ENVIRONMENT.parsl} #")
    lines = [line for line in script.splitlines() if ENVIRONMENT.parsl not in line]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "globus-compute-endpoint on PATH is not" in done.stderr
    assert (tmp_path / "runs").is_dir()


def test_the_script_of_a_block_asks_the_endpoints_python_for_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = ImageChoice(Path("/p/workers.image"), "", Path("/p/workers.tar.gz"), "0" * 64)
    for module in ("on_node", "settings"):
        monkeypatch.setattr(f"polaris_parsl.configuration.{module}.choose_image", lambda: whole)
    script = read()["engine"]["provider"]["worker_init"]
    assert "polaris_parsl.configuration" not in script
    assert "workers.image" not in script


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment that reports the versions of ENVIRONMENT."""
    folder = tmp_path / "env" / "bin"
    folder.mkdir(parents=True)
    says = f'[[3, 12], "{ENVIRONMENT.release}", "{ENVIRONMENT.parsl}"]'
    (folder / "python").write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / "globus-compute-endpoint").write_text("#!/bin/sh\n")
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder.parent


def command(*words: str | Path) -> Any:
    arguments = ["endpoint", "account=datascience", *map(str, words)]
    return CliRunner().invoke(app, arguments, catch_exceptions=True)


def test_without_output_the_template_is_printed_and_no_file_is_written(
    environment: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = command("--environment", environment)
    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout)["engine"]["max_workers_per_node"] == 4
    assert done.stderr.startswith("next: ")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_environment_on_path_is_found_through_a_link(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "globus-compute-endpoint"
    link.symlink_to(environment / "bin" / "globus-compute-endpoint")
    monkeypatch.setenv("PATH", f"{link.parent}:{os.environ['PATH']}")
    assert f"export PATH={environment}/bin:$PATH" in command().stdout.replace("\\\n", "")


def test_without_an_environment_the_error_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = command().exception
    assert isinstance(error, MissingToolError)
    assert "--environment" in error.remedy


def test_files_are_overwritten_only_if_they_would_be_the_same(
    environment: Path, tmp_path: Path
) -> None:
    words = ("--environment", environment, "--output", tmp_path / "polaris")
    first = command(*words)
    assert first.exit_code == 0
    assert f"export PATH={environment}/bin:$PATH" in first.stderr
    template, schema = map(Path, first.stdout.splitlines())
    text = template.read_text()
    assert command(*words).exit_code == 0
    schema.unlink()
    other = command(*words, "retries=1")
    assert isinstance(other.exception, PrefixError)
    assert f"{template} exists" in other.exception.problem
    assert template.read_text() == text
    assert not schema.exists()


def test_nothing_is_written_for_a_refused_option(environment: Path, tmp_path: Path) -> None:
    output = tmp_path / "polaris"
    done = command("queue=nonsense", "--environment", environment, "--output", output)
    assert isinstance(done.exception, OptionError)
    assert not output.exists()


def test_a_directory_that_cannot_be_written_is_refused(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command("--environment", environment, "--output", tmp_path / "file" / "below")
    assert isinstance(done.exception, PrefixError)


def test_the_document_shows_what_the_command_prints_and_writes(
    environment: Path, tmp_path: Path
) -> None:
    document = (Path(__file__).parents[3] / "docs" / "endpoint.md").read_text()
    shown, part = (
        re.findall(rf"```{kind}\n(.*?)```", document, re.DOTALL)[0] for kind in ("console", "yaml")
    )
    shown = shown.replace("/eagle/PROJECT/compute", str(environment)).replace("\\\n", "")
    lines = shown.splitlines()
    (number,) = (at for at, line in enumerate(lines) if line.startswith("$ polaris-parsl"))
    # the folder of the template is given from the working directory, which is tmp_path
    words = lines[number].removeprefix("$ polaris-parsl endpoint ").split()
    done = CliRunner().invoke(app, ["endpoint", *words])
    assert (done.stdout + done.stderr).splitlines() == lines[number + 1 :]
    template = (tmp_path / "polaris" / "user_config_template.yaml.j2").read_text()
    assert f"globus-compute-endpoint=={ENVIRONMENT.release}" in shown
    assert [line for line in part.splitlines() if line not in template.splitlines()] == []
