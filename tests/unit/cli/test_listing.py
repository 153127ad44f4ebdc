"""`list` of many versions reads the beginning of each receipt."""

import json
import sys
from pathlib import Path

import builder

VERSIONS = 50
# What the process had read before, and the versions read afterwards; the kernel counts both.
PROGRAM = """
import os, sys
from pathlib import Path
from polaris_parsl.cli.listing import print_versions

def read():
    return int(Path("/proc/self/io").read_text().split()[1])

before, opened = read(), []
sys.addaudithook(lambda event, _: opened.append(event) if event == "open" else None)
print_versions(Path(sys.argv[1]), as_json=False)
print(len(opened))
print(read() - before)
"""


def test_a_list_of_50_versions_does_not_read_their_receipts(tmp_path: Path) -> None:
    size = 0
    for number in range(1, VERSIONS + 1):
        root = builder.small_release(tmp_path / "prefix", f"2026.8.{number}")
        builder.unseal(root)
        receipt = root / "receipt.json"
        data = json.loads(receipt.read_text())
        data["files"] |= {f"overlay/lib/{each}.py": "0" * 64 for each in range(17_000)}
        receipt.write_text(json.dumps(data, indent=1) + "\n")
        size += receipt.stat().st_size
    assert size > VERSIONS * 1_500_000
    done = builder.run(
        sys.executable, "-c", PROGRAM, tmp_path / "prefix", env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    *lines, opened, read = done.stdout.splitlines()
    assert sum(line.startswith("2026.8.") for line in lines) == VERSIONS
    assert all(line.endswith("ok") for line in lines if line.startswith("2026.8."))
    assert 0 < int(read) < size / 15
    # its receipt, and that its directory is one
    assert VERSIONS <= int(opened) <= 2 * VERSIONS + 10
