"""Blocks that need no terminal: README.md's refusal, and the call on docs/migrate.md."""

import runpy
from contextlib import nullcontext
from pathlib import Path

import parsl
import pytest

import polaris_parsl
from code_blocks import ROOT, of
from polaris_parsl.configuration.executor import PolarisExecutor
from polaris_parsl.errors import OptionError


def block(document: str, begin: str) -> str:
    """The text of the block of a document that begins so."""
    (found,) = [each.text for each in of(ROOT / document) if each.text.startswith(begin)]
    return found


@pytest.fixture(autouse=True)
def _on_a_login_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("PBS_JOBID", "PBS_NODEFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POLARIS_PARSL_ADDRESS", "10.0.0.1")


def test_the_refusal_in_the_readme_is_what_config_says() -> None:
    shown = block("README.md", "polaris_parsl.errors.OptionError: ")
    with pytest.raises(OptionError) as refused:
        polaris_parsl.config(
            account="datascience", queue="prod", nodes_per_block=10, walltime="24:00:00"
        )
    assert shown == f"polaris_parsl.errors.OptionError: {refused.value}\n"


def test_the_user_opts_of_the_page_make_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[parsl.Config] = []

    def load(config: parsl.Config) -> object:
        loaded.append(config)
        return nullcontext()

    monkeypatch.setattr(parsl, "load", load)
    text = block("docs/migrate.md", "import parsl").replace("YOURPROJECT", "datascience")
    (tmp_path / "call.py").write_text(text)
    runpy.run_path(str(tmp_path / "call.py"))
    (config,) = loaded
    assert config.run_dir == "/eagle/datascience/run"
    (executor,) = config.executors
    assert isinstance(executor, PolarisExecutor)
    assert executor.provider
    assert executor.provider.nodes_per_block == 3
