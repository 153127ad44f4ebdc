"""What workers start from: the byte code of what they import, and an archive for the nodes' own disks."""

from collections.abc import Mapping
from pathlib import Path

from polaris_parsl.env.variables import for_python
from polaris_parsl.installs import archive_of, image_of, overlay_python
from polaris_parsl.process import WORK_SECONDS, run

_RECORD = "polaris_parsl.configuration.node.record"


def record_image(root: Path, *, env: Mapping[str, str]) -> list[str]:
    """Write the image of an overlay and the archive; what went wrong, which stops no install.

    Args:
        root: the install, complete but for this.
        env: environment variables.
    """
    image, archive = image_of(root), archive_of(root)
    why = _run(root, _RECORD, image, root, archive, env=env)
    if not why:
        return []
    has_image = image.is_file()
    for each in (archive, archive.with_name(f"{archive.name}.sha256")):
        each.unlink(missing_ok=True)
    if has_image:
        return [f"workers do not start from the nodes' own disks: no archive was made: {why}"]
    return [f"workers import their modules one by one: no image of them was made: {why}"]


def _run(root: Path, module: str, *words: Path, env: Mapping[str, str]) -> str:
    """Run a module by the interpreter of an install; the last line of its errors if it fails."""
    command: list[str | Path] = [overlay_python(root), "-P", "-m", module, *words]
    # a set in byte code that is compiled now has the order of its hashes
    done = run(
        command,
        env={**for_python(env), "PYTHONHASHSEED": "0"},
        cwd=root,
        timeout_seconds=WORK_SECONDS,
    )
    return (done.stderr.strip().splitlines() or ["no message"])[-1] if done.returncode else ""
