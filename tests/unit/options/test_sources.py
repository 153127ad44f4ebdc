import errno
import os
import sys
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer import BadParameter

from polaris_parsl import PolarisParslWarning
from polaris_parsl.cli.user_opts import read_words
from polaris_parsl.driver import Driver
from polaris_parsl.errors import OptionError
from polaris_parsl.options.resolve import ExecutorRequest, resolve
from polaris_parsl.options.sources import parse


def ask(folder: Path, variables: dict[str, str] | None = None, **arguments: Any) -> ExecutorRequest:
    driver = Driver(python=Path(sys.executable), folder=folder, variables=variables or {})
    (request,) = resolve(arguments, driver)
    return request


def install_with_defaults(prefix: Path, text: str) -> Path:
    """A prefix with an install whose interpreter is returned."""
    version = prefix / "versions" / "1.2"
    python = version / "overlay" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (version / "receipt.json").write_text("{}")
    (prefix / "defaults.toml").write_text(text)
    return python


def test_each_layer_wins_over_those_below_it(tmp_path: Path) -> None:
    python = install_with_defaults(
        tmp_path / "prefix", 'account = "install"\nretries = 4\nqueue = "demand"\nlabel = "i"\n'
    )
    below = tmp_path / "project" / "runs"
    below.mkdir(parents=True)
    (tmp_path / "project" / "polaris-parsl.toml").write_text(
        'account = "project"\nqueue = "preemptable"\nlabel = "p"\n'
    )
    driver = Driver(
        python=python, folder=below, variables={"ACCOUNT": "environment", "QUEUE": "debug-scaling"}
    )
    (request,) = resolve({"account": "argument"}, driver)
    options = request.options
    assert (options.account, options.queue, options.label, options.retries) == (
        "argument",
        "debug-scaling",
        "p",
        4,
    )
    assert options.walltime == timedelta(hours=1)
    assert {name: source.name for name, source in request.sources.items()} == {
        "account": "argument",
        "queue": "environment",
        "label": "project file",
        "retries": "install",
    }


def test_the_nearest_project_file_upwards_counts_alone(tmp_path: Path) -> None:
    (tmp_path / "polaris-parsl.toml").write_text('account = "far"\nretries = 5\n')
    near = tmp_path / "near"
    near.mkdir()
    (near / "polaris-parsl.toml").write_text('account = "near"\n')
    options = ask(near).options
    assert (options.account, options.retries) == ("near", 2)


def test_none_counts_as_left_out(tmp_path: Path) -> None:
    options = ask(tmp_path, {"RETRIES": "7"}, account="datascience", retries=None).options
    assert options.retries == 7


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("nodes_per_block", "3", 3),
        ("cores_per_worker", "0.5", 0.5),
        ("encrypted", "false", False),
        ("encrypted", "True", True),
        ("available_accelerators", "[0, 3]", [0, 3]),
        (
            "executors",
            "{cpu = {available_accelerators = 0}}",
            {"cpu": {"available_accelerators": 0}},
        ),
        ("account", "2024", "2024"),
        ("walltime", "1:00:00", "1:00:00"),
        ("nodes_per_block", "three", "three"),
        ("retries", "9" * 5000, "9" * 5000),
        ("nodes_per_block", "3\nqueue = 'prod'", "3\nqueue = 'prod'"),
        ("available_accelerators", "[" * 5000, "[" * 5000),
    ],
)
def test_text_of_the_environment_becomes_the_value_that_it_stands_for(
    name: str, text: str, value: Any
) -> None:
    assert parse(name, text) == value


def test_an_argument_overrules_the_alternative_in_a_lower_layer(tmp_path: Path) -> None:
    options = ask(
        tmp_path, {"ADDRESS": "10.0.0.1"}, account="datascience", interface="hsn0"
    ).options
    assert (options.address, options.interface) == (None, "hsn0")


def test_a_refusal_names_the_variable_or_the_file(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="POLARIS_PARSL_RETRIES: retries='many'"):
        ask(tmp_path, {"RETRIES": "many"}, account="datascience")
    file = tmp_path / "polaris-parsl.toml"
    file.write_text("retries = -1\n")
    with pytest.raises(OptionError, match=f"{file}: retries=-1"):
        ask(tmp_path, account="datascience")
    file.write_text('acount = "x"\n')
    with pytest.raises(OptionError, match=f"{file}: acount is not an option"):
        ask(tmp_path)
    file.write_text("retries = \n")
    with pytest.raises(OptionError, match=f"{file} is not readable"):
        ask(tmp_path)


def test_a_misspelt_variable_gets_a_warning_and_those_of_other_use_do_not(tmp_path: Path) -> None:
    with pytest.warns(PolarisParslWarning, match="did you mean POLARIS_PARSL_ACCOUNT"):
        ask(tmp_path, {"ACOUNT": "x"}, account="datascience")
    others = dict.fromkeys(("MODULE", "MODULEPATH", "SANDBOX", "SANDBOX_ISOLATION", "RANK"), "x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(tmp_path, others, account="datascience")


def test_a_misspelt_variable_is_named_once_in_a_process(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(3):
            ask(tmp_path, {"WALLTIMES": "x"}, account="datascience")
    assert len([each for each in found if "WALLTIMES" in str(each.message)]) == 1


def test_a_file_of_options_that_cannot_be_opened_gets_the_remedy_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "polaris-parsl.toml"
    file.symlink_to("nowhere.toml")
    with pytest.raises(OptionError) as refused:
        ask(tmp_path)
    assert "it is a link to nowhere.toml, which does not exist" in refused.value.problem
    assert refused.value.remedy == "let it lead to a file of options, or remove it"
    file.unlink()
    file.write_text("retries = 1\n")

    def closed(*_: Any, **__: Any) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", "/proc/self/fd/5")

    monkeypatch.setattr("polaris_parsl.options.sources.read_trusted", closed)
    with pytest.raises(OptionError) as refused:
        ask(tmp_path)
    assert "/proc" not in refused.value.problem
    assert refused.value.remedy == f"let its owner open it: chmod a+r {file}"


@pytest.mark.parametrize("words", [["retries"], ["retries=1", "retries=2"]])
def test_a_word_of_the_command_line_that_is_no_option_or_a_second_one_is_refused(
    words: list[str],
) -> None:
    with pytest.raises(BadParameter, match=r"NAME=VALUE|retries is given twice"):
        read_words(words)
    assert read_words(["retries=1", "queue=debug"]) == {"retries": 1, "queue": "debug"}


def test_a_project_file_that_others_can_write_is_ignored_with_one_sentence(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    below = mine / "shared" / "private"
    below.mkdir(parents=True)
    (mine / "polaris-parsl.toml").write_text("retries = 5\n")
    theirs = mine / "shared" / "polaris-parsl.toml"
    theirs.write_text('worker_init = "id"\nencrypted = false\naccount = "ATTACKER"\n')
    theirs.parent.chmod(0o1777)
    with pytest.warns(PolarisParslWarning) as caught:
        options = ask(below, account="datascience").options
    (sentence,) = [str(each.message) for each in caught]
    assert sentence.startswith(f"{theirs} is ignored: everybody can write {theirs.parent}; ")
    assert "\n" not in sentence
    # the next one upwards counts
    assert (options.retries, options.account) == (5, "datascience")
    assert "id" not in str(options.worker_init)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_project_file_of_the_group_of_the_install_counts_and_of_others_does_not(
    tmp_path: Path,
) -> None:
    prefix = tmp_path / "prefix"
    python = install_with_defaults(prefix, "retries = 4\n")
    folder = tmp_path / "project"
    folder.mkdir()
    file = folder / "polaris-parsl.toml"
    file.write_text('queue = "demand"\n')
    for path in (folder, file):
        os.chown(path, 65533, 54321)
    folder.chmod(0o2775)
    driver = Driver(python=python, folder=folder)
    with pytest.warns(PolarisParslWarning, match="belongs to the user 65533"):
        (request,) = resolve({"account": "datascience"}, driver)
    assert request.options.queue != "demand"
    os.chown(prefix, -1, 54321)
    prefix.chmod(0o2775)
    (request,) = resolve({"account": "datascience"}, driver)
    assert request.options.queue == "demand"


def test_a_file_of_the_install_that_others_can_write_is_ignored(tmp_path: Path) -> None:
    python = install_with_defaults(tmp_path / "prefix", "retries = 4\n")
    (tmp_path / "prefix/defaults.toml").chmod(0o666)
    driver = Driver(python=python, folder=tmp_path)
    with pytest.warns(PolarisParslWarning, match=r"defaults\.toml is ignored: everybody can write"):
        (request,) = resolve({"account": "datascience"}, driver)
    assert request.options.retries == 2


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('account = "a1"\nretries = 3\n', "account"),
        (
            'worker_init = "x"\naccount = "a1"\nencrypted = false\n',
            "account, encrypted, worker_init",
        ),
        ('[executors.cpu]\nworker_init = "x"\n', "worker_init"),
        ("retries = 3\n", ""),
    ],
)
def test_a_project_file_that_says_who_pays_or_what_runs_is_named_once(
    text: str, named: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "polaris-parsl.toml").write_text(text)
    for _ in range(2):
        ask(tmp_path, account="datascience")
    lines = [record.getMessage() for record in caplog.records]
    line = f"polaris_parsl: {tmp_path}/polaris-parsl.toml sets {named}"
    assert lines == ([line] if named else [])
