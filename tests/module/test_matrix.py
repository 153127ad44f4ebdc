"""The table of behaviours, Lmods and prefixes in docs/modules.md, made from real shells.

With WRITE_MODULE_MATRIX=yes the column of each Lmod is written into the document; without, it is
compared.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import places

Shell = Callable[..., Any]
DOCUMENT = Path(__file__).parents[2] / "docs" / "modules.md"
FORMS = ("project", "project with spaces", "prójekt", "a link", "a bind mount")
MARK = "<!-- made by tests/module/test_matrix.py -->\n"

# Each prints `NAME: yes` where it holds; NAME is the row of the table.
_SESSION = """
before="$PATH|$MODULEPATH"
module load polaris-parsl && [ "$(python)" = "python of conda/2025-09-25" ] \
  && [ "$(polaris-parsl)" = "command of 1.0" ] && echo "load: yes"
echo "$PATH" | tr : '\\n' | grep -v condabin | head -1 | grep -q '/versions/1.0/bin$' \
  && echo "bin/ is first on PATH, but for conda's condabin: yes"
! command -v activate && conda activate && [ "$(. activate x)" = "activate of conda" ] && conda deactivate \
  && echo "\\`source activate NAME\\` is conda's: yes"
module load polaris-parsl/2.0 && [ "$(python)" = "python of conda/2026-10-09" ] \
  && echo "another version, with its base: yes"
module purge && [ "$PATH|$MODULEPATH" = "$before" ] && echo "purge gives PATH and MODULEPATH back: yes"
module load polaris-parsl && module save work && module save
"""
_RESTORE = """
module {how} && [ "$(python)" = "python of conda/2025-09-25" ] && echo '{row}: yes'
"""
_SHELL = """
module load polaris-parsl/1.0
[ "$(python)" = "python of conda/2025-09-25" ] && echo "{row}: yes"
"""
_WARNS = """
module load polaris-parsl/1.0 2>said
grep -q 'PYTHONPATH is set' said && grep -q 'PYTHONHOME is set' said && grep -q 'active.*/mine' said \
  && echo "warns of PYTHONPATH, PYTHONHOME and an active environment: yes"
module -t list 2>&1 | grep -q polaris-parsl/1.0 || echo "it did not load"
"""
RESTORED, STARTED = (
    "`module restore` in a new shell",
    "the default collection at the start of a shell",
)
ROWS = (
    "load",
    "bin/ is first on PATH, but for conda's condabin",
    "`source activate NAME` is conda's",
    "another version, with its base",
    "purge gives PATH and MODULEPATH back",
    RESTORED,
    STARTED,
    "zsh",
    "dash",
    "warns of PYTHONPATH, PYTHONHOME and an active environment",
)


@contextmanager
def prefix(folder: Path, form: str) -> Iterator[str]:
    """The name of a prefix of this form; a link and a bind mount lead to another directory."""
    if form not in FORMS[3:]:
        yield form
        return
    (folder / "elsewhere").mkdir()
    if form == "a link":
        (folder / form).symlink_to("elsewhere")
        yield form
        return
    (folder / form).mkdir()
    bind = ["mount", "--bind", str(folder / "elsewhere"), str(folder / form)]
    if os.geteuid() or subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount")
    try:
        yield form
    finally:
        subprocess.run(["umount", str(folder / form)], check=True)


def held(place: places.Place, shell: Shell, home: Path) -> set[str]:
    """The rows that hold in a prefix."""
    home.mkdir()
    own = {"HOME": str(home)}
    tree = {**own, "MODULEPATH": f"{place.prefix}/{place.tree}"}
    said = [
        shell(f"{place.use}\n{_SESSION}", **own),
        shell(_RESTORE.format(how="restore work", row=RESTORED), **own),
        shell(_RESTORE.format(how="--initial_load restore", row=STARTED), **own),
        shell(_SHELL.format(row="zsh"), by="zsh", **tree),
        shell(_SHELL.format(row="dash"), by="sh", **tree),
        shell(_WARNS, **tree, PYTHONPATH="/x", PYTHONHOME="/y", VIRTUAL_ENV="/home/mine"),
    ]
    return {line.removesuffix(": yes") for each in said for line in each.stdout.splitlines()}


def cell(row: str, by_form: dict[str, set[str]]) -> str:
    """`yes`, or the forms in which a row does not hold."""
    lacking = [form for form in FORMS if row not in by_form[form]]
    return f"not: {', '.join(lacking)}" if lacking else "yes"


def test_the_document_has_what_this_lmod_does_in_each_form_of_a_prefix(
    shell: Shell, tmp_path: Path
) -> None:
    by_form: dict[str, set[str]] = {}
    for form in FORMS:
        folder = tmp_path / f"place{len(by_form)}"
        folder.mkdir()
        with prefix(folder, form) as name:
            found = held(places.lmod_place(folder, name), shell, folder / "home")
        if form == "prójekt":
            # what depends on the length of the path counts only if it holds in each
            for longer in ("prójekt1", "prójekt12"):
                found &= held_with(folder, longer, shell)
        by_form[form] = found
    version = shell("echo $LMOD_VERSION").stdout.strip()
    column = [cell(row, by_form) for row in ROWS]
    if os.environ.get("WRITE_MODULE_MATRIX") == "yes":
        write(version, column)
    table = read()
    if version in table:
        assert dict(zip(ROWS, table[version], strict=True)) == dict(zip(ROWS, column, strict=True))
    else:
        assert column[0] == "yes"


def held_with(folder: Path, name: str, shell: Shell) -> set[str]:
    """The rows that hold in a prefix beside another one."""
    (folder / name).mkdir()
    return held(places.lmod_place(folder / name, name), shell, folder / name / "home")


def read() -> dict[str, list[str]]:
    """The table of the document: a column for each Lmod."""
    text = DOCUMENT.read_text().partition(MARK)[2].partition("\n\n")[0]
    lines = [[each.strip() for each in line.split("|")[1:-1]] for line in text.splitlines()]
    if not lines:
        return {}
    return {
        name: [row[number] for row in lines[2:]] for number, name in enumerate(lines[0]) if number
    }


def write(version: str, column: list[str]) -> None:
    """Put a column into the document."""
    table = {**read(), version: column}
    names = sorted(table, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])
    lines = [["behaviour in Lmod", *names], ["---"] * (len(names) + 1)]
    lines += [[row, *(table[name][number] for name in names)] for number, row in enumerate(ROWS)]
    made = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    before, _, after = DOCUMENT.read_text().partition(MARK)
    DOCUMENT.write_text(f"{before}{MARK}{made}\n{after.partition(chr(10) * 2)[2]}")
