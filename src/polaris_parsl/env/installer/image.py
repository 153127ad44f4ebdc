"""The image of an install: the byte code of what workers import at their start, in one file."""

from collections.abc import Mapping
from pathlib import Path

from polaris_parsl.env.variables import for_python
from polaris_parsl.installs import image_of, overlay_python
from polaris_parsl.process import WORK_SECONDS, run

_RECORD = "polaris_parsl.configuration.node.record"


def record_image(root: Path, *, env: Mapping[str, str]) -> list[str]:
    """Write the image of an overlay; what went wrong, which is no reason to have no install.

    Args:
        root: the install, complete but for this.
        env: environment variables.
    """
    image = image_of(root)
    command: list[str | Path] = [overlay_python(root), "-P", "-m", _RECORD, image, root]
    # a set in byte code that is compiled now has the order of its hashes
    done = run(
        command,
        env={**for_python(env), "PYTHONHASHSEED": "0"},
        cwd=root,
        timeout_seconds=WORK_SECONDS,
    )
    if done.returncode == 0 and image.is_file():
        return []
    image.unlink(missing_ok=True)
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return [f"workers import their modules one by one: no image of them was made: {last}"]
