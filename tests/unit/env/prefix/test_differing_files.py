import os
from pathlib import Path
from typing import Any

import pytest

from polaris_parsl.env.prefix.differing_files import differing_files
from polaris_parsl.installs import receipt_of


def test_a_quick_look_at_an_install_looks_at_each_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"overlay/{number % 7}/{number}.py" for number in range(400)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "overlay/link").symlink_to("0/0.py")
    receipt_of(tmp_path).write_text("{}")
    looks = []
    for call in ("stat", "lstat"):
        really: Any = getattr(os, call)

        def counted(*words: Any, really: Any = really, **more: Any) -> Any:
            looks.append(words)
            return really(*words, **more)

        monkeypatch.setattr(os, call, counted)
    files = dict.fromkeys(names, "of a sum that is not read")
    assert list(differing_files(tmp_path, files, {"overlay/link": "0/0.py"}, ("overlay",))) == []
    # the receipt, the directories, and each file and link
    assert len(looks) <= len(names) + 20
