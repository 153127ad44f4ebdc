from pathlib import Path

import pytest

from polaris_parsl.cli.init import init


@pytest.mark.parametrize(
    ("words", "commands"),
    [
        (
            ("gpu", "account=datascience"),
            [
                "  polaris-parsl sandbox -- python workflow.py   # rehearse it",
                "  polaris-parsl submit -- python workflow.py   # on the system",
            ],
        ),
        (
            ("notebook",),
            [
                "  polaris-parsl sandbox -- jupyter lab workflow.ipynb   # rehearse it",
                "  polaris-parsl kernel   # on the system, once your account stands in polaris-parsl.toml",
            ],
        ),
    ],
)
def test_it_says_what_it_wrote_and_what_to_type_next(
    words: tuple[str, ...],
    commands: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    init(Path("my project"), [*words[1:]], words[0])
    files = ", ".join(sorted(each.name for each in (tmp_path / "my project").iterdir()))
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {files} into {tmp_path}/my project",
        "next:",
        "  cd 'my project'",
        *commands,
    ]
