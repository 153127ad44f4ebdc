"""What a change of a base means for an install on it.

docs/drift.md lists the changes that the tests replay.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from polaris_parsl.env.base.fingerprint import is_dependency
from polaris_parsl.errors import ExitCode

_SHOWN = 5


class Verdict(IntEnum):
    """The state of an install; the value is the exit code of `polaris-parsl verify`."""

    INTACT = ExitCode.DONE
    COSMETIC = ExitCode.COSMETIC
    RELEVANT = ExitCode.RELEVANT
    BROKEN = ExitCode.BROKEN

    @property
    def word(self) -> str:
        """The printed form."""
        return self.name.lower()


@dataclass(frozen=True)
class VerifyFinding:
    """One difference and its verdict; remedy is "" if the remedy of the verdict suffices."""

    verdict: Verdict
    text: str
    remedy: str = ""


def compare(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[VerifyFinding]:
    """What has changed between two fingerprints of one base.

    Args:
        was: the fingerprint of the receipt.
        now: the present one; what a quick check leaves out is not compared.
    """
    return [
        *_interpreters(was, now),
        *_start_files(was["start_files"], now["start_files"]),
        *_modules(was["module"], now["module"]),
        *_dependencies(was["distributions"], now["distributions"]),
        *_others(was, now),
    ]


def _interpreters(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[VerifyFinding]:
    before, after = was["interpreter"], now["interpreter"]
    if was["prefix"] != now["prefix"]:
        yield VerifyFinding(
            Verdict.BROKEN,
            f"{was['executable']} belongs to the prefix {now['prefix']}; it was {was['prefix']}",
        )
    fixed = ("implementation", "cache_tag", "soabi", "platform")
    if any(before[key] != after[key] for key in fixed):
        yield VerifyFinding(
            Verdict.BROKEN,
            f"{was['prefix']} holds {after['implementation']} {after['version']} "
            f"({after['soabi']}); it was {before['version']} ({before['soabi']})",
        )
    elif (before["version"], before["build"]) != (after["version"], after["build"]):
        yield VerifyFinding(
            Verdict.RELEVANT,
            f"Python of the base: {' '.join(before['build'].split())} "
            f"-> {' '.join(after['build'].split())}",
        )
    if before["libc"] != after["libc"]:
        yield VerifyFinding(Verdict.RELEVANT, f"C library: {before['libc']} -> {after['libc']}")


def _start_files(
    before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> Iterator[VerifyFinding]:
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            change = "is gone"
        elif name not in before:
            change = "is new"
        elif before[name] != after[name]:
            change = "has changed"
        else:
            continue
        yield VerifyFinding(
            Verdict.RELEVANT, f"{name} of the base, which each Python reads, {change}"
        )


def _modules(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Iterator[VerifyFinding]:
    if before is None or before["sha256"] is None or after is None:
        return
    if after["sha256"] is None:
        yield VerifyFinding(
            Verdict.BROKEN, f"the module {before['name']} is gone: there is no {before['file']}"
        )
    elif before["sha256"] != after["sha256"]:
        yield VerifyFinding(
            Verdict.RELEVANT, f"the modulefile of {before['name']} has changed: {after['file']}"
        )


def _dependencies(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[VerifyFinding]:
    for name, entry in before.items():
        if not is_dependency(entry):
            continue
        change = _change(entry, after.get(name))
        if change:
            yield VerifyFinding(
                Verdict.RELEVANT, f"{name} of the base, which the overlay uses: {change}"
            )


def _change(entry: Mapping[str, Any], now: Mapping[str, Any] | None) -> str:
    """A sentence on how a distribution has changed; "" if it has not."""
    if now is None:
        return f"{entry['version']}, its metadata is gone"
    if entry["version"] != now["version"]:
        return f"{entry['version']} -> {now['version']}"
    if "sha256" in now and entry["sha256"] != now["sha256"]:
        if now["sha256"] is None:
            return f"{entry['version']}, its metadata is gone"
        return f"{entry['version']}, rebuilt at the same version"
    if "files_sha256" in now and entry["files_sha256"] != now["files_sha256"]:
        return f"{entry['version']}, files were changed, added or removed in place"
    return ""


def _others(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[VerifyFinding]:
    """Changes of what the overlay does not use, one line for each kind."""
    before, after = was["distributions"], now["distributions"]
    apart = {name: entry for name, entry in before.items() if not is_dependency(entry)}
    changed = [
        f"{name} {change}" for name in apart if (change := _change(apart[name], after.get(name)))
    ]
    changed += [f"{name} {after[name]['version']}, new" for name in after if name not in before]
    if changed:
        shown = "; ".join(changed[:_SHOWN])
        more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        yield VerifyFinding(
            Verdict.COSMETIC, f"of the base, which the overlay does not use: {shown}{more}"
        )
    if was["conda"] != now["conda"]:
        count = "; ".join(
            f"{each['packages']} packages" if each else "no conda prefix"
            for each in (was["conda"], now["conda"])
        )
        yield VerifyFinding(Verdict.COSMETIC, f"conda packages of the base were changed ({count})")
