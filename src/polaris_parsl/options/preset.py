"""Presets: options that belong together for one kind of work. What anybody else sets wins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Name = Literal["throughput"]


@dataclass(frozen=True)
class Preset:
    """What a preset chooses.

    Attributes:
        purpose: the kind of work.
        values: of options, by name.
        why: the reason for each, by name.
    """

    purpose: str
    values: Mapping[str, Any]
    why: Mapping[str, str]


PRESETS: Mapping[str, Preset] = {
    "throughput": Preset(
        "for many short tasks",
        {"initialize_logging": "WARNING"},
        {
            "initialize_logging": "of short tasks, Parsl's logs cost more than all else; the record of "
            "tasks says when and where each ran",
        },
    ),
}
SOURCE = "docs/performance.md"
