import contextlib
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parsl.addresses import address_by_query
from parsl.config import Config
from parsl.launchers import GnuParallelLauncher, MpiExecLauncher
from parsl.providers import PBSProProvider

import polaris_parsl
from polaris_parsl.configuration.executor import PolarisExecutor
from polaris_parsl.errors import PolarisParslWarning


def build(tmp_path: Path, **given: Any) -> tuple[Config, PolarisExecutor, PBSProProvider]:
    config = polaris_parsl.config(
        **{"account": "datascience", "address": "10.0.0.1", "run_dir": tmp_path, **given}
    )
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    assert isinstance(executor.provider, PBSProProvider)
    return config, executor, executor.provider


def test_one_worker_runs_on_each_gpu_with_the_cpus_of_its_numa_domain(tmp_path: Path) -> None:
    _, executor, _ = build(tmp_path)
    assert executor.available_accelerators == ["0", "1", "2", "3"]
    assert executor.max_workers_per_node == executor.workers_per_node == 4
    assert executor.cpu_affinity == "list:24-31,56-63:16-23,48-55:8-15,40-47:0-7,32-39"
    assert executor.prefetch_capacity == 0
    assert executor.encrypted


def test_unencrypted_traffic_is_warned_of(tmp_path: Path) -> None:
    with pytest.warns(PolarisParslWarning, match="can run code as you"):
        _, executor, _ = build(tmp_path, encrypted=False)
    assert not executor.encrypted


def test_chosen_gpus_keep_their_own_cpus(tmp_path: Path) -> None:
    _, executor, provider = build(tmp_path, available_accelerators=[3, 0])
    assert executor.available_accelerators == ["3", "0"]
    assert executor.cpu_affinity == "list:0-7,32-39:24-31,56-63"
    assert executor.max_workers_per_node == 2
    assert provider.select_options == "ngpus=4"


def test_mpiexec_starts_one_pool_a_node_unbound_with_a_short_tmpdir(tmp_path: Path) -> None:
    _, _, provider = build(tmp_path)
    assert isinstance(provider.launcher, MpiExecLauncher)
    assert provider.launcher.bind_cmd == "--cpu-bind"
    assert provider.launcher.overrides == "--depth=64 --ppn 1 --env TMPDIR=/tmp"


def test_gnu_parallel_is_chosen_by_name(tmp_path: Path) -> None:
    _, _, provider = build(tmp_path, launcher="gnu_parallel")
    assert isinstance(provider.launcher, GnuParallelLauncher)


def test_workers_and_interchange_run_by_absolute_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polaris_parsl.driver.folder_of_script", lambda: None)
    _, executor, _ = build(tmp_path)
    node, _, pool = executor.launch_cmd.partition(" -- ")
    assert node.startswith(f"cd {tmp_path} && exec {sys.executable} -P -m polaris_parsl.")
    assert pool.startswith(
        f"{sys.executable} -P -m polaris_parsl.configuration.parsl_internals.worker_pool "
    )
    assert executor.interchange_launch_cmd[0] == sys.executable


def interfaces(monkeypatch: pytest.MonkeyPatch, **addresses: str) -> None:
    monkeypatch.delenv("POLARIS_PARSL_ADDRESS", raising=False)
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(enumerate(addresses, 1)))
    monkeypatch.setattr(
        "polaris_parsl.configuration.addresses.address_by_interface", addresses.__getitem__
    )


def test_the_cluster_facing_addresses_and_no_others_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfaces(monkeypatch, lo="127.0.0.1", bond0="10.1.0.1", pub0="140.0.0.1", hsn0="10.2.0.1")
    _, executor, _ = build(tmp_path, address=None)
    assert executor.all_addresses == {"10.1.0.1", "10.2.0.1"}
    assert executor.address is None


def test_no_outside_service_is_asked_for_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr("parsl.addresses.requests.get", lambda *words, **_: asked.append(words))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **_: asked.append(words))
    with contextlib.suppress(AttributeError):  # of the answer, which is None
        address_by_query()
    assert asked, "Parsl asks one by this"
    asked.clear()
    interfaces(monkeypatch, bond0="10.1.0.1", hsn0="10.2.0.1")
    build(tmp_path, address=None)
    assert asked == []


def test_the_only_address_is_also_the_only_one_listened_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfaces(monkeypatch, lo="127.0.0.1", bond0="10.1.0.1")
    _, executor, _ = build(tmp_path, address=None)
    assert executor.address == "10.1.0.1"
    assert executor.all_addresses == {"10.1.0.1"}


def test_an_interface_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interfaces(monkeypatch, lo="127.0.0.1", bond0="10.1.0.1", ib0="10.3.0.1")
    _, executor, _ = build(tmp_path, address=None, interface="ib0")
    assert executor.address == "10.3.0.1"


@pytest.mark.parametrize("given", [{}, {"interface": "bond1"}])
def test_a_node_without_the_interfaces_is_reported_with_the_list_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    interfaces(monkeypatch, lo="127.0.0.1", eth0="192.168.0.2")
    with pytest.raises(polaris_parsl.PolarisParslError, match="its interfaces are lo, eth0"):
        build(tmp_path, address=None, **given)


def test_the_environment_can_set_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARIS_PARSL_ADDRESS", "10.0.0.2")
    _, executor, _ = build(tmp_path, address=None)
    assert executor.address == "10.0.0.2"
    monkeypatch.setenv("POLARIS_PARSL_ADDRESS", "nowhere")
    with pytest.raises(polaris_parsl.PolarisParslError, match="POLARIS_PARSL_ADDRESS: address"):
        build(tmp_path, address=None)


def test_importing_the_package_imports_nothing_but_the_standard_library() -> None:
    script = (
        "import sys; before = set(sys.modules); import polaris_parsl; "
        "tops = {name.partition('.')[0] for name in sys.modules.keys() - before}; "
        "print('polaris_parsl' in tops, tops - {'polaris_parsl'} - sys.stdlib_module_names)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "True set()"


def test_nothing_is_written_when_a_configuration_is_built(tmp_path: Path) -> None:
    build(tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a'b", "a$HOME", "a{b}", "a`id`", "a\\b"])
def test_an_interpreter_whose_path_a_job_script_would_misread_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "executable", f"/eagle/{name}/bin/python")
    with pytest.raises(polaris_parsl.PolarisParslError, match="misread"):
        build(tmp_path)
