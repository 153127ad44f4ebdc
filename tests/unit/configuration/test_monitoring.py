import importlib.util
import sys
from pathlib import Path

import pytest
from parsl.monitoring import MonitoringHub

import polaris_parsl
from polaris_parsl.errors import OptionError
from published.building import pretended

GUARDED = 'import parsl\nif __name__ == "__main__":\n    parsl.load()\n'


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that runs, which has the guard."""
    file = tmp_path / "workflow.py"
    file.write_text(GUARDED)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(file), raising=False)
    return file


@pytest.fixture
def _without_sqlalchemy(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sqlalchemy" else find(name)
    )


def test_nobody_who_does_not_ask_for_it_gets_it() -> None:
    with pretended(0):
        assert polaris_parsl.config(account="demo").monitoring is None
        rows = polaris_parsl.explain(account="demo").rows
    assert [row.layer for row in rows if row.name == "monitoring"] == ["Parsl"]


@pytest.mark.usefixtures("script", "_without_sqlalchemy")
@pytest.mark.parametrize("call", [polaris_parsl.config, polaris_parsl.explain])
def test_without_sqlalchemy_it_is_refused_with_the_command_that_helps(call: object) -> None:
    assert callable(call)
    with pretended(0), pytest.raises(OptionError) as refused:
        call(account="demo", monitoring=True)
    assert "monitoring=True needs sqlalchemy" in refused.value.problem
    assert "`scripts/install.sh --track monitoring` installs" in refused.value.remedy
    assert "`pip install 'sqlalchemy<2.1,>=2'`" in refused.value.remedy


def test_a_script_that_would_run_twice_is_refused(script: Path) -> None:
    pytest.importorskip("sqlalchemy")
    script.write_text("import parsl\nparsl.load()\n")
    with pretended(0), pytest.raises(OptionError, match="run it a second time") as refused:
        polaris_parsl.config(account="demo", monitoring=True)
    assert 'if __name__ == "__main__":' in refused.value.remedy


@pytest.mark.usefixtures("script")
def test_who_asks_for_it_gets_parsls_own_without_a_process_beside_each_task() -> None:
    pytest.importorskip("sqlalchemy")
    with pretended(0):
        hub = polaris_parsl.config(account="demo", monitoring=True).monitoring
        (row,) = [
            each
            for each in polaris_parsl.explain(account="demo", monitoring=True).rows
            if each.name == "monitoring"
        ]
    assert isinstance(hub, MonitoringHub)
    assert hub.resource_monitoring_interval == 0
    assert row.value == "MonitoringHub"
    assert "a third of the tasks per second" in row.why
