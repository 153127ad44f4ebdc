"""The image of an install: whether workers take their imports from it, and why not."""

import functools
from dataclasses import dataclass
from pathlib import Path

from polaris_parsl.configuration.node.start import Image
from polaris_parsl.installs import archive_of, image_of, own_install


@dataclass(frozen=True)
class ImageChoice:
    """What was decided.

    Attributes:
        path: the image; None if modules are imported one by one.
        why: the reason, for `explain`.
        archive: what nodes unpack to start workers from their own disk, None if there is none.
        digest: sha256 of the archive.
        changed: a file of the base that is no longer as the image has it; "" if there is none.
    """

    path: Path | None
    why: str
    archive: Path | None = None
    digest: str = ""
    changed: str = ""


def choose_image() -> ImageChoice:
    """Whether workers take their imports from an image."""
    root = own_install()
    if root is None:
        return ImageChoice(None, "modules are imported one by one: this is no install of ours")
    return _choice(image_of(root))


@functools.cache
def _choice(path: Path) -> ImageChoice:
    one_by_one = "modules are imported one by one: "
    try:
        image = Image(str(path))
    except (OSError, ValueError, EOFError) as error:
        return ImageChoice(None, f"{one_by_one}{error}")
    changed = next((each for each in image.sources if _has_changed(each, *image.sources[each])), "")
    if changed:
        why = f"{one_by_one}{changed} has changed since the install"
        return ImageChoice(None, why, changed=changed)
    archive = archive_of(path.parent)
    try:
        digest = archive.with_name(f"{archive.name}.sha256").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ImageChoice(path, f"modules come from one file, {path}")
    return ImageChoice(path, f"modules come from one file, {path}", archive, digest)


def _has_changed(file: str, size: int, changed: int) -> bool:
    try:
        status = Path(file).stat()
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != (size, changed)
