"""What counts as a change of an app, and what does not."""

import importlib.util
import itertools
import sys
import sysconfig
import types
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from polaris_parsl.configuration.checkpoints.app_code import (
    AppCodes,
    app_function,
    code_digest,
    place_of,
)

SCRIPT = """
import functools, math
import beside
from beside import scale
from parsl.app.app import bash_app, join_app, python_app

FACTOR = 2
TABLE = {"a": [1, 2]}

class Model:
    size = 3
    def run(self, x):
        return x * self.size

class Better(Model):
    def run(self, x):
        return super().run(x) + 1

def inner(x):
    return x + FACTOR

def outer(x):
    return [inner(each) for each in x]

def decorated(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args) + 7
    return wrapper

def unused(x):
    return x - 1

@python_app(cache=True)
def app(x, scale_by=1.5):
    'Says what it does.'
    # a comment
    y = outer(x)
    if x in {"a", "b", "c"}:
        return TABLE
    return Better().run(scale(y))

@python_app(cache=True)
def late(x):
    import late_one
    from package.deep import run
    return late_one.run(x), run(x)

@bash_app(cache=True)
def shell(x):
    return f"echo {inner(x)}"

@join_app(cache=True)
def joined(x):
    return app(x)

@python_app(cache=True)
@decorated
def wrapped(x):
    return x
"""
BESIDE = {
    "beside.py": "from other import factor\ndef scale(x):\n    return x * factor\n",
    "other.py": "factor = 4\n",
    "late_one.py": "def run(x):\n    return x\n",
    "package/__init__.py": "",
    "package/deep.py": "from .deeper import run\n",
    "package/deeper.py": "def run(x):\n    return -x\n",
}
APPS = ("app", "late", "shell", "joined", "wrapped")
NUMBERS = itertools.count()


def codes(folder: Path, script: str = SCRIPT, **beside: str) -> dict[str, bytes]:
    """The code of each app of a script in a new directory."""
    place = folder / f"{next(NUMBERS)}"
    files = {**BESIDE, **{name.replace("__", "/") + ".py": text for name, text in beside.items()}}
    for name, text in {**files, "script.py": script}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    modules = set(sys.modules)
    sys.path.insert(0, str(place))
    try:
        module = loaded(place / "script.py")
        apps = {name: getattr(module, name) for name in APPS}
        # what Parsl hands on as the function of a task
        functions = {n: getattr(a, "wrapped_remote_function", a.func) for n, a in apps.items()}
        return {name: AppCodes().of(function) for name, function in functions.items()}
    finally:
        sys.path.remove(str(place))
        for name in set(sys.modules) - modules:
            del sys.modules[name]


def loaded(file: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment\n"),
        ("'Says what it does.'", "'Says it otherwise.'"),
        ("y = outer(x)", "\n\n\n    y = outer(\n        x\n    )"),
        ("return x - 1", "return x - 2"),
        ("import functools, math", "import functools\n\nimport math\n\n"),
    ],
)
def test_what_an_app_does_not_use_is_no_change(tmp_path: Path, old: str, new: str) -> None:
    assert old in SCRIPT
    assert changed(codes(tmp_path), codes(tmp_path, SCRIPT.replace(old, new))) == set()


@pytest.mark.parametrize(
    ("old", "new", "apps"),
    [
        ("return Better().run(scale(y))", "return Better().run(scale(y)) + 1", {"app", "joined"}),
        ("return x + FACTOR", "return x * FACTOR", {"app", "joined", "shell"}),
        ("FACTOR = 2", "FACTOR = 3", {"app", "joined", "shell"}),
        ('{"a": [1, 2]}', '{"a": [1, 3]}', {"app", "joined"}),
        ("scale_by=1.5", "scale_by=2.5", {"app", "joined"}),
        ("size = 3", "size = 4", {"app", "joined"}),
        ("return x * self.size", "return x / self.size", {"app", "joined"}),
        ("super().run(x) + 1", "super().run(x) + 2", {"app", "joined"}),
        ('"a", "b", "c"}', '"a", "b", "d"}', {"app", "joined"}),
        ("echo {inner", "echo -n {inner", {"shell"}),
        ("return app(x)", "return [app(x)]", {"joined"}),
        ("f(*args) + 7", "f(*args) + 8", {"wrapped"}),
        ("def wrapped(x):\n    return x", "def wrapped(x):\n    return -x", {"wrapped"}),
    ],
)
def test_a_change_of_what_an_app_uses_is_one(
    tmp_path: Path, old: str, new: str, apps: set[str]
) -> None:
    assert old in SCRIPT
    assert changed(codes(tmp_path), codes(tmp_path, SCRIPT.replace(old, new))) == apps


@pytest.mark.parametrize(
    ("name", "text", "apps"),
    [
        ("beside", BESIDE["beside.py"].replace("x * factor", "x / factor"), {"app", "joined"}),
        ("other", "factor = 5\n", {"app", "joined"}),
        ("late_one", "def run(x):\n    return 2 * x\n", {"late"}),
        ("package__deeper", "def run(x):\n    return 2 * x\n", {"late"}),
        ("late_one", "# comment\n" + BESIDE["late_one.py"], set()),
        ("late_one", "def run(x)", {"late"}),
        ("unrelated", "x = 1\n", set()),
    ],
)
def test_modules_beside_the_script_count(
    tmp_path: Path, name: str, text: str, apps: set[str]
) -> None:
    assert changed(codes(tmp_path), codes(tmp_path, **{name: text})) == apps


def test_the_first_byte_is_the_minor_version_of_python(tmp_path: Path) -> None:
    assert {each[0] for each in codes(tmp_path).values()} == {sys.version_info.minor}


def test_what_is_installed_counts_by_its_own_file_only(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    script = "import beside\ndef app(x):\n    return beside.run(x)\n"
    found = []
    for text in ("def run(x):\n    return x\n", "def run(x):\n    return -x\n"):
        folder.mkdir(exist_ok=True)
        (folder / "beside.py").write_text(text)
        (folder / "script.py").write_text(script)
        sys.path.insert(0, str(folder))
        try:
            found.append(AppCodes().of(loaded(folder / "script.py").app))
        finally:
            sys.path.remove(str(folder))
            sys.modules.pop("beside", None)
    assert found[0] == found[1]


def test_the_place_of_an_app_is_that_of_the_users_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def app() -> None: ...

    app.__module__ = "__main__"
    for file, place in (("/a/one.py", "__main__ one.py"), ("/b/two.py", "__main__ two.py")):
        monkeypatch.setattr(sys.modules["__main__"], "__file__", file, raising=False)
        assert place_of(app_function(app)).startswith(f"{place}:")
    monkeypatch.delattr(sys.modules["__main__"], "__file__")
    assert place_of(app_function(app)).startswith("__main__:")


def test_every_module_of_the_standard_library_has_a_digest() -> None:
    found = {}
    modules = Path(sysconfig.get_path("stdlib")).glob("*.py")
    # Debian has one of them under a second name
    for path in sorted(each for each in modules if not each.is_symlink()):
        code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
        assert code
        found[path.name] = code_digest(code)
    assert len(set(found.values())) == len(found) > 100


def test_names_of_keyword_arguments_count() -> None:
    one, other = (
        code_digest(compile(text, "text", "eval")) for text in ("f(a, key=1)", "f(a, default=1)")
    )
    assert one != other
