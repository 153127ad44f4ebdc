"""Workers take their imports from the image of an install as long as the base is what it was."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from polaris_parsl.configuration import image
from polaris_parsl.configuration.image import choose_image
from polaris_parsl.configuration.node import start


class Stand:
    """An image whose base is one file."""

    def __init__(self, file: Path) -> None:
        status = file.stat()
        self.sources = {str(file): (status.st_size, status.st_mtime_ns)}


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    image._choice.cache_clear()
    yield
    image._choice.cache_clear()


def test_no_image_is_looked_for_outside_of_an_install() -> None:
    assert choose_image().path is None
    assert "no install of ours" in choose_image().why


def test_an_image_is_not_used_after_its_base_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module.py"
    module.write_text("value = 1\n")
    stand = Stand(module)
    monkeypatch.setattr(image, "own_install", lambda: tmp_path)
    monkeypatch.setattr(image, "Image", lambda _: stand)
    assert choose_image().path == tmp_path / "workers.image"
    for change in ("size", "time", "file"):
        image._choice.cache_clear()
        if change == "size":
            module.write_text("value = 22\n")
        elif change == "time":
            module.write_text("value = 1\n")
            os.utime(module, ns=(0, 0))
        else:
            module.unlink()
        assert choose_image().path is None
        assert choose_image().why.endswith(f"{module} has changed since the install")


def test_an_image_that_is_missing_or_damaged_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "own_install", lambda: tmp_path)
    assert "No such file" in choose_image().why
    (tmp_path / "workers.image").write_bytes(start.MAGIC)
    image._choice.cache_clear()
    assert choose_image().path is None
