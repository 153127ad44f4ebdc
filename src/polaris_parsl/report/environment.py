"""The environment of a run: versions, base, drift and pins, as far as its record names them."""

from collections.abc import Iterator, Mapping
from typing import Any

from polaris_parsl.report.reading import History

_NAMES = (
    "polaris_parsl", "parsl", "python", "environment", "base", "host", "workflow", "commit",
    "script_sha256", "run_id",
)  # fmt: skip
_LENGTH, _MANY, _DIGEST = 300, 30, 12


def environment_of(history: History) -> dict[str, Any]:
    """What ran, as JSON has it.

    Returns:
        Texts by name; `locks`, the sha256 of each lock by name; `drift`, a list of what differed from the
        receipt of the install when the run began, None if that is not known; and `pins`, the bundles that
        were made of the run.
    """
    run = history.events[0]
    install = run.get("install")
    known = install if isinstance(install, dict) else {}
    found: dict[str, Any] = {name: _text(run[name]) for name in _NAMES if run.get(name)}
    for name, key in (("install", "root"), ("base_module", "base_module")):
        if known.get(key):
            found[name] = _text(known[key])
    locks, drift = known.get("locks"), known.get("drift")
    found["locks"] = (
        {_text(name): _text(value) for name, value in [*locks.items()][:_MANY]}
        if isinstance(locks, dict)
        else {}
    )
    found["drift"] = [_text(each) for each in drift[:_MANY]] if isinstance(drift, list) else None
    found["pins"] = [
        {key: _text(each.get(key, "")) for key in ("time", "bundle", "sha256")}
        for each in history.pins
    ]
    return found


def rows_of(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same for people: a title and words."""
    for name, title in _TITLES:
        if environment.get(name):
            yield title, environment[name]
    if environment["locks"]:
        yield (
            "locks",
            ", ".join(f"{name} {v[:_DIGEST]}" for name, v in environment["locks"].items()),
        )
    yield "drift", drift_words(environment)
    yield "pin", pin_words(environment)


def drift_words(environment: Mapping[str, Any]) -> str:
    """Whether the install was as its receipt says when the run began."""
    drift = environment["drift"]
    if drift is None:
        where = (
            "its receipt could not be read" if environment.get("install") else "no install ran it"
        )
        return f"not known: {where}"
    return "; ".join(drift) or "none: base and overlay were as the receipt says when the run began"


def pin_words(environment: Mapping[str, Any]) -> str:
    """In which bundles the run is."""
    pins = [
        f"{each['bundle']}, sha256 {each['sha256'][:_DIGEST]}, of {each['time']}"
        for each in environment["pins"]
    ]
    return "; ".join(pins) or "none: no bundle was made of the run"


def _text(value: object) -> str:
    return str(value)[:_LENGTH]


_TITLES = (
    ("polaris_parsl", "polaris_parsl"), ("parsl", "Parsl"), ("python", "Python"),
    ("environment", "environment"), ("install", "install"), ("base", "base"),
    ("base_module", "module of the base"), ("host", "host"), ("workflow", "workflow"), ("commit", "commit"),
    ("script_sha256", "sha256 of the script"), ("run_id", "run id"),
)  # fmt: skip
