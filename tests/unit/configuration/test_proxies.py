import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import polaris_parsl
from polaris_parsl.configuration.proxies import proxy_variables
from polaris_parsl.configuration.worker_init import compose
from polaris_parsl.driver import Driver
from polaris_parsl.errors import PolarisParslWarning
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from published.building import pretended

SITE = polaris().proxy
OURS = {"http_proxy": "http://p.example:3128", "no_proxy": "mine.example, localhost"}


def on_a_node(driver: Mapping[str, str], env: Mapping[str, str], **given: Any) -> dict[str, str]:
    """The proxy variables of a task, by the shell text of a block."""
    options = ExecutorOptions.parse({"account": "demo", **given})
    text = compose(options, Driver(python=Path("/usr/bin/python3"), proxies=driver))
    beginning = text[: text.index("command -v mpiexec")]
    done = subprocess.run(
        ["bash", "-c", f"{beginning}\nenv -0"],
        env=dict(env),
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (entry.split("=", 1) for entry in done.stdout.split("\0") if "=" in entry)
    return {name: value for name, value in pairs if name.lower().endswith("_proxy")}


def test_tasks_get_the_proxy_of_the_driver_in_both_cases() -> None:
    found = on_a_node(OURS, {})
    assert found["http_proxy"] == found["HTTP_PROXY"] == "http://p.example:3128"
    assert found.keys() == {"http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"}


def test_traffic_within_the_system_takes_no_proxy() -> None:
    names = on_a_node(OURS, {})["no_proxy"].split(",")
    assert names[:2] == ["mine.example", "localhost"]
    assert len(names) == len(set(names))
    assert {*SITE.no_proxy.split(","), "127.0.0.1"} <= set(names)


def test_a_driver_without_a_proxy_leaves_the_variables_alone() -> None:
    assert on_a_node({}, {"http_proxy": "of the module"}) == {"http_proxy": "of the module"}
    # no_proxy alone asks for nothing
    assert on_a_node({"no_proxy": "x"}, {}) == {}


def test_the_proxy_of_the_site_is_that_of_its_pages() -> None:
    found = on_a_node({}, {}, proxy="site")
    assert {found[name] for name in ("http_proxy", "https_proxy", "ftp_proxy", "HTTPS_PROXY")} == {
        SITE.url
    }


def test_none_unsets_what_a_module_sets() -> None:
    module = {"http_proxy": "x", "HTTPS_PROXY": "y", "no_proxy": "z"}
    assert on_a_node(OURS, module, proxy="none") == {"no_proxy": "z"}


def test_worker_init_has_the_last_word() -> None:
    found = on_a_node(OURS, {}, worker_init="export http_proxy=http://mine:1")
    assert found["http_proxy"] == "http://mine:1"


@pytest.mark.parametrize("secret", ["http://me:word@p.example:3128", "me:word@p.example:3128"])
def test_a_password_is_not_written_into_the_job_script(secret: str) -> None:
    with pytest.warns(PolarisParslWarning, match="others may read: p.example:3128") as caught:
        assert proxy_variables("driver", {"https_proxy": secret}) == {}
    assert "word" not in str(caught[0].message).replace("password", "")


def test_the_driver_reads_both_cases_and_explain_shows_what_tasks_get(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver.current(
        {"HTTP_PROXY": "http://p:1", "http_proxy": "", "https_proxy": "http://q:2"}
    )
    assert driver.proxies == {"http_proxy": "http://p:1", "https_proxy": "http://q:2"}
    for name in ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://p.example:3128")
    with pretended(0):
        (row,) = [
            each for each in polaris_parsl.explain(account="demo").rows if each.name == "proxy"
        ]
    assert row.value["https_proxy"] == "http://p.example:3128"
    assert SITE.no_proxy in row.value["no_proxy"]
    assert "getting-started.md" in row.source
