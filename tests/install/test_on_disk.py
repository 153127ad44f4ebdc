"""What an install leaves on disk, and that the commands of docs/on-disk.md take it away again."""

import re
import shutil
from pathlib import Path
from typing import Any

import builder

DOCUMENT = builder.REPOSITORY / "docs/on-disk.md"


def test_the_documentation_names_every_path_of_an_install(install: Any) -> None:
    tree, _, _ = DOCUMENT.read_text().partition("\n`VERSION` is that of")
    known = set(re.split(r"[\s/,;]+", tree))
    places = [install.prefix, install.root, install.root / "bin", *install.prefix.glob("m*/*")]
    paths = [path for place in places for path in place.iterdir()]
    assert len(paths) > 12
    assert {path.name.replace(install.root.name, "VERSION") for path in paths} <= known


def test_remove_all_by_its_own_command_leaves_what_was_there_before(
    install: Any, tmp_path: Path
) -> None:
    prefix = tmp_path / "project" / "prefix"
    (prefix / "data").mkdir(parents=True)
    (prefix / "defaults.toml").write_text('account = "demo"\n')
    (prefix / "data/mine.lua").write_text("mine\n")
    before = builder.tree(tmp_path)
    shutil.copytree(install.prefix, prefix, symlinks=True, dirs_exist_ok=True)
    command = prefix / "versions" / install.root.name / "bin/polaris-parsl"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    # the modulefiles still name the place that the copy was made from
    done = builder.run(command, "repair", env=env)
    assert done.returncode == 0, done.stderr
    assert "damaged" not in done.stderr
    modulefile = prefix / f"modulefiles/polaris-parsl/{install.root.name}.lua"
    assert str(prefix) in modulefile.read_text()
    done = builder.run(command, "remove", "--all", env=env)
    assert done.returncode == 0, done.stderr
    assert f"removed: modulefiles/polaris-parsl/{install.root.name}.lua" in done.stdout
    assert "left in " in done.stderr
    assert builder.tree(tmp_path) == before
