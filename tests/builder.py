"""Real installs for tests: copies of the source tree, bases made for tests, and runs of install.sh."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from site import getsitepackages
from types import ModuleType

import pytest

import pythons
from polaris_parsl.env.prefix.permissions import seal
from polaris_parsl.env.receipt import FORMAT, scan, write_receipt
from polaris_parsl.files import digest
from polaris_parsl.pins.bundle import write_sums

REPOSITORY = Path(__file__).resolve().parents[1]
# the interpreter under the environment of the tests
PYTHON = Path(sys.base_prefix, "bin", "python3")
BOOTSTRAP = REPOSITORY / "scripts" / "bootstrap.py"
SOURCES = (
    "src",
    "examples",
    "modulefiles",
    "scripts",
    "pyproject.toml",
    "environment.yml",
    "environment-mep.yml",
    "environment-monitoring.yml",
    "conda-lock.yml",
    "overlay.lock",
    "overlay-mep.lock",
    "overlay-monitoring.lock",
    "tools.lock",
    "installer.lock",
    "maintainer.lock",
    "CHANGELOG.md",
    "CITATION.cff",
    "README.md",
    "LICENSE",
)


def copy_source(target: Path) -> Path:
    """A copy of what an install needs of the source tree."""
    target.mkdir(parents=True)
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    return target


def environment(home: Path, cache: Path, **more: str) -> dict[str, str]:
    """A small environment, with the settings by which this machine reaches its package index."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_")) or name.lower().endswith("_proxy")
    }
    settings = Path.home() / ".config/pip/pip.conf"
    if settings.exists():
        kept.setdefault("PIP_CONFIG_FILE", str(settings))
    own = {"PATH": "/usr/bin:/bin", "HOME": str(home), "XDG_CACHE_HOME": str(cache)}
    return {**kept, **own, **more}


def user_environment(folder: Path, cache: Path) -> dict[str, str]:
    """The same for a user whose home is new, in this folder."""
    home = folder / "home"
    home.mkdir()
    return environment(home, cache)


def copy_cache(cache: Path, target: Path, locks: Sequence[str] = ("*.lock",)) -> Path:
    """The cache of another user: the same wheels, downloaded at another time.

    Args:
        cache: of the one.
        target: of the other.
        locks: names, or patterns of names, of the locks whose wheels are copied.
    """
    (target / "polaris-parsl" / "wheels").mkdir(parents=True)
    for entry in (cache / "polaris-parsl").glob("tools-*"):
        (target / "polaris-parsl" / entry.name).symlink_to(entry)
    for lock in (path for name in locks for path in REPOSITORY.glob(name)):
        # names with a dot are what another worker is fetching
        for wheels in (cache / "polaris-parsl/wheels").glob(f"[!.]*-{digest(lock)[:16]}"):
            place = target / "polaris-parsl/wheels" / wheels.name
            shutil.copytree(wheels, place, copy_function=shutil.copyfile)
    return target


def run(
    *command: object, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [str(word) for word in command],
        env=dict(env),
        cwd=cwd or Path("/"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def command(source: Path, verb: str, *arguments: object) -> list[str]:
    """Command line of a verb in a source tree, under the interpreter of the tests."""
    script = source / "scripts" / "bootstrap.py"
    return [str(PYTHON), str(script), verb, *(str(word) for word in arguments)]


def install_command(source: Path, *arguments: object) -> list[str]:
    """Command line of install.sh under the interpreter of the tests."""
    return command(source, "install", *arguments)


@dataclass(frozen=True)
class Install:
    """A finished install: its prefix, where its version lies, and what the command said."""

    prefix: Path
    root: Path
    env: dict[str, str]
    stdout: str
    stderr: str


def installed(prefix: Path, *words: object, env: dict[str, str]) -> Install:
    """The install that a command makes in a prefix."""
    done = run(*words, "--prefix", prefix, env=env)
    assert done.returncode == 0, done.stderr
    (root,) = (prefix / "versions").iterdir()
    return Install(prefix, root, env, done.stdout, done.stderr)


def made_configuration(root: Path) -> str:
    """Which Python and Parsl of an install make a configuration, and with how many workers on a node."""
    code = (
        "import parsl, polaris_parsl, sys; "
        "c = polaris_parsl.config(account='demo', address='10.0.0.1'); "
        "print(sys.version_info[:2], parsl.__version__, c.executors[0].workers_per_node)"
    )
    done = run(root / "overlay/bin/python", "-c", code, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def traced(file: Path) -> list[str]:
    """`strace`, to be put before a command, which lists the programs that start; nothing without strace."""
    strace = shutil.which("strace")
    options = ["-f", "-qq", "--seccomp-bpf", "-e", "trace=execve", "-o", str(file)]
    return [strace, *options] if strace else []


def namespace(*options: str) -> list[str]:
    """`unshare` with options, to be put before a command; skips where the machine forbids it."""
    space = ["unshare", *options]
    tried = run(*space, "true", env={"PATH": "/usr/bin:/bin"})
    if tried.returncode != 0:
        pytest.skip(f"this machine gives no such namespace: {tried.stderr.strip()}")
    return space


def without_network(*arguments: object) -> list[str]:
    """A command in a network namespace without interfaces, as an ordinary user of number 1000."""
    space = namespace("--net", "--map-user=1000", "--map-group=1000")
    return [*space, *(str(word) for word in arguments)]


def load_bootstrap() -> ModuleType:
    """scripts/bootstrap.py as a module of its own."""
    spec = importlib.util.spec_from_file_location("bootstrap", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in_base(folder: Path, *, conda: bool = False, pip: bool = True) -> Path:
    """A Python prefix of its own around the interpreter of the tests; only pip is installed."""
    library = Path(sysconfig.get_path("stdlib"))
    packages = folder / "lib" / library.name / pythons.PACKAGES
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    interpreter = Path(os.path.realpath(sys.executable))
    shutil.copy(interpreter, folder / "bin" / library.name)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(library.name)
    for entry in library.iterdir():
        if entry.name not in {pythons.PACKAGES, "__pycache__", *pythons.OF_DEBIAN}:
            (packages.parent / entry.name).symlink_to(entry)
    # as every base has it; what is asked of a base writes none
    shutil.copytree(
        library / "__pycache__",
        packages.parent / "__pycache__",
        ignore=shutil.ignore_patterns("*.opt-*"),
    )
    for entry in library.parent.iterdir():
        if entry.name.startswith("libpython"):
            (folder / "lib" / entry.name).symlink_to(entry)
    if pip:
        _add_pip(packages)
    if conda:
        (folder / "conda-meta").mkdir()
    return folder


def _add_pip(packages: Path) -> None:
    """Install pip; compiled, as every base has it, where the interpreter has the same."""
    wheel = pythons.pip_wheel()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    version = wheel.name.split("-")[1]
    for place in map(Path, getsitepackages([sys.base_prefix])):
        if (place / f"pip-{version}.dist-info").is_dir():
            shutil.copytree(place / "pip", packages / "pip", dirs_exist_ok=True)


def small_wheel(
    folder: Path, name: str, version: str, *requires: str, module: str = "", command: str = ""
) -> Path:
    """A wheel with one module that is named as it is, and perhaps a command."""
    own = name.replace("-", "_")
    info = f"{own}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{own}.py": module or f"__version__ = {version!r}\n",
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {each}\n" for each in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if command:
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{command}\n"
    record = "".join(f"{each},,\n" for each in [*files, f"{info}/RECORD"])
    path = folder / f"{own}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(each, text)
    return path


def add_distribution(site: Path, name: str, version: str, *requires: str) -> None:
    """Pretend that a distribution is installed: a module and its metadata."""
    module = name.replace("-", "_")
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{module}.py").write_text(f"__version__ = {version!r}\n")
    folder = site / f"{module}-{version}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")
    (folder / "RECORD").write_text(f"{module}.py,,\n")
    (folder / "INSTALLER").write_text("pip\n")


def site_packages(base: Path) -> Path:
    """Where a base made for tests keeps its packages."""
    return next((base / "lib").glob("python3.*")) / pythons.PACKAGES


def tree(folder: Path) -> dict[str, str]:
    """Digest or link target of everything below a folder, with the mode."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name] = f"{path.stat().st_mode:o} directory"
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = f"{path.stat().st_mode:o} {digest}"
    return found


def unseal(root: Path) -> None:
    """Let whoever runs the tests damage an install, as only its owner could; receipt last."""
    receipt = root / "receipt.json"
    for path in (root, *(each for each in root.rglob("*") if each != receipt), receipt):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200)


def small_base(folder: Path, root: Path) -> None:
    """A locked base of one small file, in a folder that will be renamed."""
    program = folder / "bin/python3"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho python\n")
    program.chmod(0o755)
    write_receipt(folder, {"key": root.name}, scan(folder, prefix=root))


def small_release(
    prefix: Path, name: str, *, folder: Path | None = None, locked_base: str | None = None
) -> Path:
    """A version that modules, list and repair take for an install, of four small files; sealed.

    Args:
        prefix: where it belongs to.
        name: of the version.
        folder: where to make it; without it, in its place.
        locked_base: name of the locked base that it needs.
    """
    root = folder or prefix / "versions" / name
    for part in ("bin/polaris-parsl", "overlay/bin/python", "tools/bin/python"):
        path = root / part
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\necho {name}\n")
        path.chmod(0o755)
    version, _, track = name.partition("-")
    contents = {
        "version": version,
        "track": track or "current",
        "prefix": str(prefix),
        "command": ["install"],
        "locks": {"overlay.lock": "0" * 64},
        "base": {
            "executable": sys.executable,
            "prefix": sys.base_prefix,
            "interpreter": {"version": "3.12.11"},
            "start_files": {},
            "module": None,
            "conda": None,
            "distributions": {},
        },
        "locked_base": locked_base and {"key": locked_base},
        "parsl": "2026.10.26",
        "overlay": [],
        "from_base": {},
        "gnu_parallel": {"source": "PATH"},
    }
    write_receipt(root, contents, scan(root, prefix=prefix))
    seal(root, group=None)
    return root


def small_bundle(folder: Path, trace: Path) -> Path:
    """A bundle of four small files; its source leaves a trace and makes an install of one file."""
    lock = "parsl==1 --hash=sha256:00\n"
    (folder / "source/scripts").mkdir(parents=True)
    (folder / "source/overlay.lock").write_text(lock)
    base = {
        "executable": sys.executable, "prefix": sys.base_prefix, "module": None, "conda": None,
        "start_files": {}, "distributions": {},
        "interpreter": dict.fromkeys(
            ("implementation", "version", "build", "soabi", "cache_tag", "platform", "libc"), "3.12"
        ),
    }  # fmt: skip
    receipt = {
        "format": FORMAT, "version": "1", "track": "current", "prefix": "/p", "command": [],
        "locks": {"overlay.lock": hashlib.sha256(lock.encode()).hexdigest()}, "base": base,
        "parsl": "1", "gnu_parallel": {"source": "none"}, "overlay": [], "from_base": {},
        "prefix_bound": [], "links": {}, "files": {},
    }  # fmt: skip
    text = json.dumps(receipt)
    (folder / "source/scripts/bootstrap.py").write_text(
        f"import pathlib, sys\npathlib.Path({str(trace)!r}).touch()\n"
        "root = pathlib.Path(sys.argv[sys.argv.index('--prefix') + 1], 'versions', '1')\n"
        f"root.mkdir(parents=True)\n(root / 'receipt.json').write_text({text!r})\n"
    )
    (folder / "receipt.json").write_text(text)
    (folder / "base.json").write_text("{}")
    write_sums(folder)
    return folder
