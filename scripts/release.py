#!/usr/bin/env python3
"""Release the version of this source tree: its heading, its date and its pin; then review and commit.

    python3 scripts/release.py             as root, on a Debian-like machine with mmdebstrap
    python3 scripts/release.py --root DIR  in a Debian root that lies there already; DIR is written to
    python3 scripts/release.py --tested    where `scripts/test.sh --all` has passed on this commit

It runs `scripts/test.sh --all` first, which takes long, and releases nothing where a test fails.
The pin, pins/VERSION.tar.zst, is made in a Debian root of its own: so nothing of this machine gets
into it, and everybody can have the same base, a container of that Debian with the same packages.
What is installed there comes from a wheelhouse, without a network. Standard library only.
"""

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHANGES, CITATION = ROOT / "CHANGELOG.md", ROOT / "CITATION.cff"
UNRELEASED = "## Unreleased\n"

DEBIAN = "bookworm"
PACKAGES = ("libstdc++6", "parallel", "python3", "python3-pip", "python3-venv")
# as it would be typed there; the receipt names it
PREFIX = "/opt/polaris-parsl"
# an install reaches what it builds through /proc
ENTER = 'mount --rbind /proc "$0/proc"; exec unshare --root="$0" "$@"'


def main() -> None:
    """Make the release, or leave the source tree as it was."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, help="a Debian root that lies there already")
    passed = "do not run the tests: they have passed on this commit"
    parser.add_argument("--tested", action="store_true", help=passed)
    options = parser.parse_args()
    given = options.root
    version = own_version()
    target = ROOT / "pins" / f"{version}.tar.zst"
    refuse(target, needs_root=given is None)
    if not options.tested:
        test()
    with tempfile.TemporaryDirectory(prefix="polaris-parsl-release-") as scratch:
        root = given or Path(scratch, "root")
        with dated(version):
            if given is None:
                say(f"making a root of Debian {DEBIAN}")
                included = f"--include={','.join(PACKAGES)}"
                variant = ["--quiet", "--variant=essential", included]
                must("mmdebstrap", *variant, DEBIAN, str(root))
            pin(version, root.resolve(), Path(scratch, "wheelhouse"))
            target.parent.mkdir(exist_ok=True)
            shutil.move(root / target.name, target)
    print(f"released {version}: {target.relative_to(ROOT)}")
    print(f"next: git add --all && git commit --message 'Release {version}'")


def own_version() -> str:
    """The version of this source tree."""
    text = (ROOT / "src/polaris_parsl/version.py").read_text(encoding="utf-8")
    found = re.search(r'^VERSION = "(.+)"$', text, flags=re.MULTILINE)
    if found is None:
        sys.exit("error: src/polaris_parsl/version.py names no VERSION")
    return found[1]


def refuse(target: Path, *, needs_root: bool) -> None:
    """End with what is missing, before anything is changed."""
    if target.exists():
        fix = "a pin is never changed; raise VERSION in src/polaris_parsl/version.py"
        sys.exit(f"error: {target.relative_to(ROOT)} exists already\n  fix: {fix}")
    if UNRELEASED not in CHANGES.read_text(encoding="utf-8"):
        sys.exit(f"error: CHANGELOG.md has no heading {UNRELEASED.strip()!r}\n  fix: write one")
    if needs_root and (os.geteuid() != 0 or shutil.which("mmdebstrap") is None):
        fix = "run it as root where the Debian package mmdebstrap is installed, or give --root"
        sys.exit(f"error: no Debian root can be made here\n  fix: {fix}")
    if (ROOT / ".git").exists():
        changed = must("git", "-C", str(ROOT), "status", "--porcelain")
        if changed:
            sys.exit(f"error: the source tree has changes:\n{changed}  fix: commit them first")


def test() -> None:
    """Pass all tests, or end."""
    say("passing all tests")
    if subprocess.run([ROOT / "scripts/test.sh", "--all"], check=False).returncode != 0:
        sys.exit("error: a test fails, nothing was released\n  fix: see the output above")


@contextmanager
def dated(version: str) -> Iterator[None]:
    """Write version and date into CHANGELOG.md and CITATION.cff; take them back if it fails."""
    before = {path: path.read_text(encoding="utf-8") for path in (CHANGES, CITATION)}
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    cited = re.sub(r"(?m)^version: .+$", f"version: {version}", before[CITATION])
    cited = re.sub(r"(?m)^date-released: .+$", f'date-released: "{today}"', cited)
    CHANGES.write_text(before[CHANGES].replace(UNRELEASED, f"## {version}\n"), encoding="utf-8")
    CITATION.write_text(cited, encoding="utf-8")
    try:
        yield
    except BaseException:
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
        raise


def pin(version: str, root: Path, house: Path) -> None:
    """Install in a Debian root, without a network, and pin that."""
    (root / "proc").mkdir(exist_ok=True)
    within = ["unshare", "--mount", "--net", "sh", "-ec", ENTER, str(root)]
    within += ["env", "-i", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=/"]
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    minor = must(*within, "python3", "-c", ask).strip()
    say(f"collecting the artifacts of the locks for Python {minor}")
    bootstrap = str(ROOT / "scripts/bootstrap.py")
    must(sys.executable, bootstrap, "wheelhouse", str(house), "--python", minor)
    shutil.copytree(house, root / "wheelhouse")
    (packed,) = house.glob("*.tar.gz")
    with tarfile.open(packed) as source:
        source.extractall(root)
    say(f"installing {version} in the root")
    install = f"/polaris_parsl-{version}/scripts/install.sh"
    must(*within, install, "--prefix", PREFIX, "--wheelhouse", "/wheelhouse")
    say("pinning it")
    command = f"{PREFIX}/versions/{version}/bin/polaris-parsl"
    must(*within, command, "pin", f"/{version}.tar.zst")


def must(*command: str) -> str:
    """Run a command and give its output; end with its complaint where it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"error: `{' '.join(command)}` failed:\n{done.stderr}")
    return done.stdout


def say(text: str) -> None:
    """Show at which step it is."""
    print(f"  {text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
