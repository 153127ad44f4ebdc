"""How our programs are started on nodes: from the image of the install, and from the node's own disk."""

import shlex
from pathlib import Path

from polaris_parsl.configuration.image import choose_image
from polaris_parsl.configuration.staged_modules import DIGEST, StagedModules, find_modules
from polaris_parsl.driver import Driver
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.installs import own_package
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.options.paths import interpreter

# Room for what is unpacked; where a directory lies in memory, so much must be left for tasks, too.
_KIB, _KIB_OF_MEMORY = 1 << 19, 1 << 23


def stages(options: ExecutorOptions) -> bool:
    """Whether workers start from the disks of their nodes."""
    return options.stage and choose_image().archive is not None


def modules_to_stage(options: ExecutorOptions) -> StagedModules | None:
    """The user's packages that go to the nodes' disks.

    Raises:
        OptionError: one of them is not there.
    """
    archive = choose_image().archive
    if not options.stage_modules or not options.stage or archive is None:
        return None
    return find_modules(options.stage_modules, archive)


def stage_prefix(options: ExecutorOptions, driver: Driver, modules: StagedModules | None) -> str:
    """What goes before the command of a pool to run it from the node's own disk; "" if it is not."""
    if not stages(options):
        return ""
    image, node = choose_image(), polaris().node
    assert image.archive, "stages looked"
    more = modules.kib if modules else 0
    places = f"{node.local_scratch}={_KIB + more}:{node.tmpdir}={_KIB_OF_MEMORY + more}"
    archive = (modules.place(options.run_dir), DIGEST) if modules else (image.archive, image.digest)
    files = (driver.python, node_script("start.py"), image.path)
    words = [node_script("stage.sh"), *archive, places, *files]
    return f"sh {shlex.join(str(each) for each in words)} -- "


def node_script(name: str) -> Path:
    """A script that runs on nodes."""
    return interpreter(own_package() / "configuration" / "node" / name)


def start(module: str, beside: Path | None = None) -> list[str]:
    """What the interpreter gets to run a module, whose imports come from the image if there is one."""
    image = choose_image().path
    if image is None and beside is None:
        return ["-m", module]
    program = node_script("start.py")
    return [str(program), str(image or "-"), str(beside or "-"), "--", module]
