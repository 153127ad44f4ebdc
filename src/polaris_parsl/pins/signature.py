"""Who made a bundle: its SHA256SUMS signed with an SSH key, as git signs commits."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from polaris_parsl.errors import BundleError, MissingToolError
from polaris_parsl.files import read_regular
from polaris_parsl.pins.bundle import SIGNATURE, SUMS, TEXT_BYTES_MAX, Bundle
from polaris_parsl.process import run

# a signature that was made for anything else proves nothing here
_PURPOSE = "polaris-parsl-bundle"
_PROGRAM = "ssh-keygen"
_GOOD = re.compile(rf'Good "{_PURPOSE}" signature for (.+) with (\S+ key \S+)')
_COMPARE = "compare its sha256 with the one that its author published"


def sign(folder: Path, key: Path, env: Mapping[str, str]) -> None:
    """Sign the SHA256SUMS of a finished bundle; ssh-keygen may ask for a passphrase.

    Args:
        folder: the bundle.
        key: a private SSH key, or a public one whose private one an agent holds.
        env: environment variables; SSH_AUTH_SOCK names the agent.

    Raises:
        BundleError: the key cannot sign.
        MissingToolError: there is no ssh-keygen.
    """
    done = _keygen("sign", "-f", str(key), "-n", _PURPOSE, str(folder / SUMS), env=env)
    if done.returncode != 0 or not (folder / SIGNATURE).is_file():
        raise BundleError(
            f"{key} does not sign: {done.stderr.strip()[-400:]}",
            remedy="name a private SSH key, or a public one that your agent holds: "
            "ssh-keygen -t ed25519 makes a pair",
        )


def signer_of(bundle: Bundle, allowed: Path, env: Mapping[str, str]) -> str:
    """The name and key of who signed a bundle, if a file of signers names them.

    Args:
        bundle: from open_bundle.
        allowed: allowed signers, in the format of ssh-keygen(1), as git has them.
        env: environment variables.

    Raises:
        BundleError: it is not signed, or by nobody whom the file names.
        MissingToolError: there is no ssh-keygen.
    """
    signature = bundle.folder / SIGNATURE
    if not bundle.is_signed:
        raise BundleError(
            f"{bundle.place} is not signed", remedy=f"leave --allowed-signers out, and {_COMPARE}"
        )
    if not os.access(allowed, os.R_OK):
        raise BundleError(f"cannot read {allowed}", remedy="name a file of allowed signers")
    text = read_regular(bundle.folder / SUMS, most_bytes=TEXT_BYTES_MAX, through_link=False)
    if hashlib.sha256(text).hexdigest() != bundle.identity:
        raise BundleError(f"{bundle.place} changes while it is read", remedy="copy it first")
    place = ("-s", str(signature), "-f", str(allowed))
    found = _keygen("find-principals", *place, env=env)
    for name in dict.fromkeys(found.stdout.splitlines()):
        words = ("-n", _PURPOSE, "-I", name)
        done = _keygen("verify", *place, *words, env=env, stdin=text.decode())
        good = _GOOD.search(done.stdout)
        if done.returncode == 0 and good:
            return f"{good[1]}, {good[2]}"
    raise BundleError(
        f"{bundle.place} is not signed for this by anybody whom {allowed} names",
        remedy="do not use it; ask its author for the line of their key",
    )


def _keygen(
    verb: str, *words: str, env: Mapping[str, str], stdin: str | None = None
) -> CompletedProcess[str]:
    try:
        # for the passphrase of a key
        may_ask = verb == "sign"
        return run([_PROGRAM, "-Y", verb, *words], env=env, stdin=stdin, may_ask=may_ask)
    except FileNotFoundError as error:
        raise MissingToolError(
            f"there is no {_PROGRAM}, which checks signatures", remedy="install OpenSSH"
        ) from error
