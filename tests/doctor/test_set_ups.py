"""Set-ups that are broken on purpose: the doctor names the cause, and nothing that follows from it.

docs/doctor.md shows what it says of each; the blocks there are compared with what it says here.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

import builder
from polaris_parsl.version import VERSION

DOCUMENT = builder.REPOSITORY / "docs" / "doctor.md"
ILL = 20
_NEWER = "2099.1.0"
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
# A person: root may do everything, and no limit holds for it.
_AS_SOMEBODY = [] if os.getuid() else ["unshare", "--map-user=1000", "--map-group=1000"]
# Root's files can be read; a limit of two leaves one more process than the doctor itself.
_WITH_FEW_TASKS = [
    "setpriv", "--reuid=54321", "--regid=54321", "--clear-groups",
    "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "prlimit", "--nproc=2",
]  # fmt: skip


@dataclass
class Bed:
    """Where a set-up is made: an install, the shell's environment and its working directory."""

    prefix: Path
    conda: Any
    conda_base: Path
    folder: Path
    original: Path
    environment: Path
    version: str = VERSION
    before: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    shell: str = ""
    commanded: Path | None = None
    words: list[str] = field(default_factory=lambda: ["account=datascience"])

    @property
    def root(self) -> Path:
        return self.prefix / "versions" / self.version

    def copy(self) -> None:
        """Go on with an install that may be harmed: the tools are those of the original."""
        target = self.folder / "polaris-parsl"
        root = target / "versions" / VERSION
        root.mkdir(parents=True)
        shutil.copytree(self.prefix / "modulefiles", target / "modulefiles")
        builder.run("cp", "-a", self.root / "overlay", self.root / "bin", root, env={"PATH": _PATH})
        (root / "tools").symlink_to(self.root / "tools")
        # last, so that nothing is younger
        receipt = json.loads((self.root / "receipt.json").read_text())
        (root / "receipt.json").write_text(json.dumps({**receipt, "prefix": str(target)}))
        modulefile = target / f"modulefiles/polaris-parsl/{VERSION}.lua"
        modulefile.write_text(modulefile.read_text().replace(str(self.prefix), str(target)))
        self.prefix = target


def healthy(_: Bed) -> None:
    pass


def conda_after_module(bed: Bed) -> None:
    bed.shell = f"CONDA_PREFIX={bed.conda_base}; PATH=$CONDA_PREFIX/bin:$PATH; export CONDA_PREFIX"


def path_set_back(bed: Bed) -> None:
    bed.shell = f"PATH={quote(str(bed.root))}/bin:{_PATH}"


def not_loaded(bed: Bed) -> None:
    bed.shell = f"module unload polaris-parsl; PATH={quote(str(bed.root))}/bin:$PATH"


def copy_environment(bed: Bed) -> Path:
    """An environment on the install, as if it had been made here."""
    own = bed.folder / "environment"
    builder.run("cp", "-a", bed.environment, own, env={"PATH": _PATH})
    activate = own / "bin/activate"
    activate.write_text(activate.read_text().replace(str(bed.environment), str(own)))
    return own


def removed_version(bed: Bed) -> None:
    """An environment whose install was removed after it was made."""
    own = copy_environment(bed)
    (link,) = own.glob("lib/python3*/site-packages/polaris-parsl.pth")
    gone = bed.folder / "polaris-parsl/versions/2020.1.0"
    link.write_text(link.read_text().replace(str(bed.root), str(gone)))
    bed.shell = f". {own}/bin/activate"


def module_after_environment(bed: Bed) -> None:
    load = f"module load polaris-parsl/{bed.version}"
    bed.shell = f"module unload polaris-parsl; . {copy_environment(bed)}/bin/activate; {load}"


def other_version(bed: Bed) -> None:
    """An environment on one version, and the module of another."""
    own = copy_environment(bed)
    bed.copy()
    bed.root.rename(bed.root.with_name(_NEWER))
    receipt = bed.root.with_name(_NEWER) / "receipt.json"
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "version": _NEWER}))
    modulefile = bed.prefix / f"modulefiles/polaris-parsl/{VERSION}.lua"
    modulefile.with_name(f"{_NEWER}.lua").write_text(
        modulefile.read_text().replace(VERSION, _NEWER)
    )
    bed.version = _NEWER
    bed.shell = f". {own}/bin/activate"


def parsl_here(bed: Bed) -> None:
    (bed.folder / "parsl.py").write_text("raise SystemExit('this is a workflow')\n")


def library_here(bed: Bed) -> None:
    (bed.folder / "random.py").write_text("raise SystemExit('these are numbers of mine')\n")


def parsl_on_pythonpath(bed: Bed) -> None:
    builder.add_distribution(bed.folder / "mine", "parsl", "2024.1.1")
    bed.shell = f"export PYTHONPATH={bed.folder}/mine"


def pythonhome(bed: Bed) -> None:
    bed.shell = "export PYTHONHOME=/usr"


def receipt_damaged(bed: Bed) -> None:
    bed.copy()
    os.truncate(bed.root / "receipt.json", 0)


def overlay_damaged(bed: Bed) -> None:
    bed.copy()
    (zmq,) = (bed.root / "overlay/lib").glob("python3*/site-packages/zmq")
    (zmq / "__init__.py").unlink()


def tree_closed(bed: Bed) -> None:
    bed.copy()
    (bed.prefix / "modulefiles").chmod(0)
    bed.before = _AS_SOMEBODY


def base_gone(bed: Bed) -> None:
    # for the doctor alone: other tests need it at the same time
    hide = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
    bed.before = [*builder.namespace("-rm"), "sh", "-c", quote(hide), str(bed.conda_base.parent)]
    bed.words += ["--root", str(bed.conda.root)]  # the launcher of that install cannot answer


def compiler_gone(bed: Bed) -> None:
    """As in August 2026: the base's module names one that an update has removed."""
    path = bed.folder / "modulefiles" / "conda" / "2025-09-25.lua"
    path.parent.mkdir(parents=True)
    path.write_text('depends_on("gcc-native/14.2")\n')
    bed.variables["MODULEPATH"] = str(path.parents[1])
    # nothing of another install is loaded
    bed.commanded = bed.conda.root


def wrong_interface(bed: Bed) -> None:
    bed.words += ["interface=bond7"]


def refused_options(bed: Bed) -> None:
    bed.words += ["queue=debug", "nodes_per_block=3"]


def long_tmpdir(bed: Bed) -> None:
    folder = bed.folder / "pbs.6400021.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov" / "pals.7f3b2c1e"
    folder.mkdir(parents=True)
    bed.variables["TMPDIR"] = str(folder)


def closed_run_dir(bed: Bed) -> None:
    (bed.folder / "runs").mkdir(mode=0o555)
    bed.words += ["run_dir=runs"]
    bed.before = _AS_SOMEBODY


def few_tasks(bed: Bed) -> None:
    bed.folder.chmod(0o777)
    bed.before = _WITH_FEW_TASKS


SET_UPS: dict[str, tuple[Callable[[Bed], None], set[str]]] = {
    "nothing is wrong": (healthy, set()),
    "`conda activate` after the module": (conda_after_module, {"path"}),
    "`deactivate` of an environment that was active before the module": (path_set_back, {"path"}),
    "the module is not loaded": (not_loaded, {"module"}),
    "the module after an environment of your own": (module_after_environment, {"path"}),
    "an environment on one version, the module of another": (other_version, {"module"}),
    "an environment on a version that was removed": (removed_version, {"path"}),
    "a parsl.py in the working directory": (parsl_here, {"shadows"}),
    "a file named as a module of Python": (library_here, {"shadows"}),
    "another Parsl on PYTHONPATH": (parsl_on_pythonpath, {"shadows"}),
    "PYTHONHOME": (pythonhome, {"shadows"}),
    "the receipt is damaged": (receipt_damaged, {"receipt"}),
    "a file of the overlay was deleted": (overlay_damaged, {"files"}),
    "the module tree is closed": (tree_closed, {"modulefile"}),
    "the base is gone": (base_gone, {"base"}),
    "August 2026: a module that the base's needs is gone": (compiler_gone, {"modulefile"}),
    "options that PBS would refuse": (refused_options, {"options"}),
    "hardly any tasks are left": (few_tasks, {"tasks"}),
}
# None follows from another.
AT_ONCE: dict[str, tuple[Callable[[Bed], None], set[str]]] = {
    "a wrong interface": (wrong_interface, {"interfaces"}),
    "TMPDIR is too long": (long_tmpdir, {"tmpdir"}),
    "the run directory cannot be written": (closed_run_dir, {"run_dir"}),
}


@pytest.fixture(scope="module")
def environment(install: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of a user's own on the install."""
    folder = tmp_path_factory.mktemp("environment") / "own"
    made = builder.run(install.root / "bin/polaris-parsl", "venv", folder, env={"PATH": _PATH})
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def bed(
    install: Any,
    conda_install: Any,
    conda_base: Path,
    environment: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bed:
    folder = tmp_path_factory.mktemp("bed")
    return Bed(install.prefix, conda_install, conda_base, folder, install.prefix, environment)


@pytest.mark.parametrize("name", SET_UPS)
def test_the_true_cause_is_named_and_nothing_that_follows_from_it(
    name: str, bed: Bed, lmod: Path
) -> None:
    make, causes = SET_UPS[name]
    make(bed)
    if bed.before is _WITH_FEW_TASKS and os.getuid() != 0:
        pytest.skip("only root can become another user")
    printed = doctor(bed, lmod)
    assert {check for status, check, _ in lines(printed) if status == "problem"} == causes
    if causes:
        assert shown(printed, bed) == documented()[name]
    else:
        # the texts differ between machines
        checks = [check for _, check, _ in lines(documented()[name])]
        assert checks == [check for _, check, _ in lines(printed)]


def test_causes_that_meet_are_all_named(bed: Bed, lmod: Path) -> None:
    for make, _ in AT_ONCE.values():
        make(bed)
    printed = doctor(bed, lmod)
    causes = set().union(*(causes for _, causes in AT_ONCE.values()))
    assert {check for status, check, _ in lines(printed) if status == "problem"} == causes
    assert shown(printed, bed) == "".join(documented()[name] for name in AT_ONCE)


def doctor(bed: Bed, lmod: Path) -> str:
    """What `polaris-parsl doctor` prints in a shell that has loaded the module."""
    script = f"""
    . {lmod}
    module use {quote(str(bed.prefix))}/modulefiles; module load polaris-parsl/{bed.version}
    cd {bed.folder}
    {bed.shell}
    exec {" ".join(bed.before)} {quote(str(bed.commanded or bed.root))}/bin/polaris-parsl doctor {" ".join(bed.words)}
    """
    env = {"HOME": str(bed.folder), "PATH": _PATH, "LMOD_IGNORE_CACHE": "yes", **bed.variables}
    done = builder.run("bash", "--noprofile", "--norc", "-c", script, env=env)
    assert done.returncode in {0, ILL}, done.stderr
    assert (done.returncode == ILL) == ("\nproblem " in done.stdout)
    return done.stdout


def lines(printed: str) -> list[tuple[str, str, str]]:
    """Status, check and text of each line."""
    return re.findall(r"^(\w+) +(\S+) +(.*)$", printed, re.MULTILINE)


def problems(printed: str) -> str:
    """The lines of problems, with their remedies."""
    return "".join(re.findall(r"^problem .*\n(?:  fix: .*\n)?", printed, re.MULTILINE))


def shown(printed: str, bed: Bed) -> str:
    """The problems as the documentation shows them; of a healthy install, all."""
    text = problems(printed) or printed
    for place, name in (
        (bed.folder, "/home/user"),
        (bed.conda_base, "/soft/applications/conda/2025-09-25/mconda3"),
        (bed.conda.prefix, "/eagle/PROJECT/polaris-parsl"),
        (bed.original, "/eagle/PROJECT/polaris-parsl"),
    ):
        text = text.replace(str(place), name)
    replaced: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
        (re.escape(VERSION), "VERSION"),
        (r"'(/eagle/\S+)'", r"\1"),  # the real path needs quotes
        (r"its interfaces are [^;\n]*", "its interfaces are lo, hsn0, bond0"),
        (r"(is closed to you: \S+, of) \S+", r"\1 alice"),
        (r"(does not load:) .*gcc-native/14.2.*", r'\1 ... "gcc-native/14.2" ...'),
        (r"has \d+ characters \((\S+)\)", _length),
        (r"python3\.\d+", "python3.12"),
    ]
    for pattern, written in replaced:
        text = re.sub(pattern, written, text)
    return text


def _length(found: re.Match[str]) -> str:
    """A path of the documentation with its own length."""
    return f"has {len(found[1])} characters ({found[1]})"


def documented() -> dict[str, str]:
    """The blocks of the documentation, by their headings."""
    return dict(
        re.findall(r"^### (.+)\n\n```text\n((?:.+\n)*)```$", DOCUMENT.read_text(), re.MULTILINE)
    )
