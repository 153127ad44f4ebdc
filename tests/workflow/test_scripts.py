import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["demo.sh", "test.sh"])
def test_a_script_names_the_system_packages_that_a_user_must_install(
    script: str, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        ["/bin/bash", ROOT / "scripts" / script],
        # no apt-get either, so that even root only gets the message
        env={"PATH": str(tmp_path / "bin"), "LMOD_PKG": "/nowhere/lmod"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert (
        "fix: install the packages python3 python3-venv python3-pip lmod parallel mpich gcc libc6-dev iproute2"
        in done.stderr
    )
    assert "sudo apt-get install" in done.stderr
