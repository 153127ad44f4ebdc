"""A program takes its imports from an image, and gets the modules that it would get without one."""

import marshal
import subprocess
import sys
from pathlib import Path

import pytest

from polaris_parsl.configuration.node import start

SHOW = (
    "import json, sys, mine, importlib.util\n"
    "print(__name__, sys.argv[1:], __spec__.name)\n"
    "print(sys.path[-1], 'site-packages' in importlib.util.find_spec('parsl').origin)\n"
)


def run(folder: Path, program: str, *words: object, path: str = "elsewhere") -> list[str]:
    """The lines that a program prints that `start.py` runs."""
    (folder / "elsewhere").mkdir(exist_ok=True)
    (folder / "elsewhere" / "program.py").write_text(program)
    places = ":".join(str(folder / each) for each in path.split(":"))
    done = subprocess.run(
        [sys.executable, "-P", start.__file__, *map(str, words)],
        env={"PYTHONPATH": places},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return [*done.stderr.splitlines(), *done.stdout.splitlines()]


def image(folder: Path, *, python: str = sys.version, **bodies: str) -> Path:
    """An image of modules below FOLDER/root, of which no file exists."""
    modules: dict[str, tuple[int, str, bool, int, int]] = {}
    data = b""
    for name, source in bodies.items():
        dotted = name.replace("__", ".")
        is_package = any(other.startswith(f"{name}__") for other in bodies)
        relative = dotted.replace(".", "/") + ("/__init__.py" if is_package else ".py")
        body = marshal.dumps(compile(source, "elsewhere.py", "exec"))
        modules[dotted] = (0, relative, is_package, len(data), len(body))
        data += body
    header = marshal.dumps(
        {
            "python": python,
            "roots": ["root"],
            "modules": modules,
            "sources": {},
            "absent": [],
            "distributions": {},
        }
    )
    file = folder / "made.image"
    file.write_bytes(start.MAGIC + len(header).to_bytes(8, "little") + header + data)
    (folder / "root").mkdir(exist_ok=True)
    return file


def test_modules_of_the_folder_come_last(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('mine')\n")
    for name in ("json", "parsl"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the real one')\n")
    assert run(tmp_path, SHOW, "-", tmp_path, "--", "program", "-a", "b c") == [
        "mine",
        "__main__ ['-a', 'b c'] program",
        f"{tmp_path} True",
    ]


def test_modules_of_an_image_need_no_file_and_name_the_file_that_they_came_from(
    tmp_path: Path,
) -> None:
    file = image(tmp_path, pack="", pack__age="def call(): return call.__code__.co_filename")
    program = "import pack.age as it; print(it.__file__, it.call(), it.__package__)"
    there = tmp_path / "root/pack/age.py"
    words = (file, "-", "--", "program")
    assert run(tmp_path, program, *words, path="elsewhere:root") == [f"{there} {there} pack"]


def test_a_module_that_comes_first_on_the_path_wins(tmp_path: Path) -> None:
    file = image(tmp_path, lib="name = 'image'", other="name = 'image'")
    for folder, name in (("elsewhere", "lib"), ("late", "other")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text("name = 'file'")
    program = (
        "import sys, lib; print(lib.name)\n"
        f"sys.path.insert(0, {str(tmp_path / 'late')!r}); import other; print(other.name)"
    )
    words = (file, "-", "--", "program")
    assert run(tmp_path, program, *words, path="elsewhere:root") == ["file", "file"]
    (tmp_path / "elsewhere/lib.py").unlink()
    assert run(tmp_path, program, *words, path="root:elsewhere") == ["image", "file"]


def test_a_module_of_a_directory_that_is_not_on_the_path_is_not_found(tmp_path: Path) -> None:
    file = image(tmp_path, lib="")
    program = "import importlib.util; print(importlib.util.find_spec('lib'))"
    assert run(tmp_path, program, file, "-", "--", "program") == ["None"]


def test_a_package_whose_path_was_changed_is_searched_in_the_usual_way(tmp_path: Path) -> None:
    file = image(tmp_path, pack="", pack__age="name = 'image'")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/age.py").write_text("name = 'file'")
    program = f"import pack; pack.__path__.insert(0, {str(tmp_path / 'more')!r})\n"
    program += "import pack.age; print(pack.age.name)"
    words = (file, "-", "--", "program")
    assert run(tmp_path, program, *words, path="elsewhere:root") == ["file"]


@pytest.mark.parametrize("python", ["3.9.1 (another)", sys.version])
def test_only_the_interpreter_that_made_an_image_uses_it(tmp_path: Path, python: str) -> None:
    file = image(tmp_path, python=python, lib="name = 'image'")
    (tmp_path / "root/lib.py").write_text("name = 'file'")
    words = (file, "-", "--", "program")
    expected = "image" if python == sys.version else "file"
    assert run(tmp_path, "import lib; print(lib.name)", *words, path="elsewhere:root") == [expected]


def test_a_program_runs_without_the_image_where_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "no.image").write_text("something else")
    for name, why in (("no.image", "is no image of modules"), ("none", "No such file")):
        said, answer = run(tmp_path, "print('ran')", tmp_path / name, "-", "--", "program")
        assert said.startswith("polaris_parsl: modules are imported one by one")
        assert why in said
        assert answer == "ran"
