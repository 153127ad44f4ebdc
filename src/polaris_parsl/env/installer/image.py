"""What workers start from: the byte code of what they import, and an archive for the nodes' own disks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.env.variables import for_python
from polaris_parsl.installs import archive_of, image_of, overlay_python
from polaris_parsl.process import WORK_SECONDS, started

_RECORD = "polaris_parsl.configuration.node.record"


@dataclass(frozen=True)
class RecordedImage:
    """What came of it.

    Attributes:
        warnings: what went wrong.
        imported: what the same process got when it imported Parsl, as JSON; "" if it did not come so far.
    """

    warnings: list[str]
    imported: str


@contextmanager
def recorded_image(root: Path, *, env: Mapping[str, str]) -> Iterator[Callable[[], RecordedImage]]:
    """Write the image of an overlay and the archive, beside other work.

    Args:
        root: the install; its overlay is complete.
        env: environment variables.

    Yields:
        What waits for it. What went wrong stops no install.
    """
    image, archive = image_of(root), archive_of(root)
    command: list[str | Path] = [overlay_python(root), "-P", "-m", _RECORD, image, root, archive]
    with started(
        command,
        # a set in byte code that is compiled now has the order of its hashes
        env={**for_python(env), "PYTHONHASHSEED": "0"},
        cwd=root,
        timeout_seconds=WORK_SECONDS,
    ) as finish:

        def recorded() -> RecordedImage:
            done = finish()
            if done.returncode == 0:
                return RecordedImage([], done.stdout.strip().rpartition("\n")[2])
            why = (done.stderr.strip().splitlines() or ["no message"])[-1]
            has_image = image.is_file()
            for each in (archive, archive.with_name(f"{archive.name}.sha256")):
                each.unlink(missing_ok=True)
            what = "workers import their modules one by one: no image of them was made"
            if has_image:
                what = "workers do not start from the nodes' own disks: no archive was made"
            return RecordedImage([f"{what}: {why}"], "")

        yield recorded
