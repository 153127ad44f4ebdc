"""The wheels of locks by their addresses: what pip reads in the place of an index with every release.

The pages of an index name thousands of files, of which pip makes an object each: 5 to 17 s of CPU for
a lock. uv reads them in a moment. The install that the tests share is fetched from the index itself.
"""

import html
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import builder
from polaris_parsl.env.installer.wheels import PLATFORMS
from polaris_parsl.env.pip_settings import set_up_like_pip
from polaris_parsl.env.tools import uv_program


def only_links(
    *locks: str, folder: Path, env: Mapping[str, str], python: str = ""
) -> dict[str, str]:
    """The environment with a pip that knows the wheels of these locks, where the index has them, and no index.

    Args:
        locks: names of the source tree.
        folder: for the page of links.
        env: with the settings by which this machine reaches its index.
        python: minor version that wants them, that of the tests without it.
    """
    version = python or f"{sys.version_info.major}.{sys.version_info.minor}"
    links = [link for lock in locks for link in _links(builder.REPOSITORY / lock, version, env)]
    page = folder / "wheels.html"
    page.write_text("<!DOCTYPE html>\n" + "\n".join(links))
    return {**env, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(page)}


def _links(lock: Path, version: str, env: Mapping[str, str]) -> list[str]:
    command = [uv_program(), "pip", "compile", "--quiet", "--no-deps", "--python-version", version]
    # not for the glibc of this machine
    command += ["--python-platform", f"x86_64-{PLATFORMS[0].removesuffix('_x86_64')}"]
    done = builder.run(*command, "--format", "pylock.toml", lock, env=set_up_like_pip(env))
    assert done.returncode == 0, done.stderr
    wheels = [
        wheel
        for package in tomllib.loads(done.stdout)["packages"]
        for wheel in package.get("wheels", ())
    ]
    assert wheels, f"{lock} names no wheel"
    return [
        '<a href="{}#sha256={}">{}</a>'.format(
            html.escape(wheel["url"]), wheel["hashes"]["sha256"], wheel["url"].rpartition("/")[2]
        )
        for wheel in wheels
    ]
