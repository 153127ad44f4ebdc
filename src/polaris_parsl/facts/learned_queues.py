"""Queues that PBS has and the facts do not know, kept for all users of an install.

`polaris-parsl queues --refresh --save` writes them to queues.json in the prefix. What PBS
printed of a queue then counts before the facts; what it did not print stays as in the facts.
"""

import datetime
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from polaris_parsl.errors import warn
from polaris_parsl.facts.queues import Queue
from polaris_parsl.installs import QUEUES_FILE, group_of, own_install, prefix_of
from polaris_parsl.trusted import read_trusted

_FORMAT = 1
_BYTES_MAX = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@:+-]{0,99}")
_COUNTS = ("nodes_min", "nodes_max", "walltime_min_minutes", "walltime_max_minutes")
_JOBS = ("max_run", "max_queued", "queued_jobs_threshold")
_CLAIMS = ("by_request", "only_by_routing")
_SCOPES = ("user", "project")
_COUNT_MAX = 10**6


@dataclass(frozen=True)
class LearnedQueues:
    """What PBS said of its queues.

    Attributes:
        server: that said it.
        asked: on which day.
        queues: for each queue by name, the fields of `Queue` that PBS printed.
    """

    server: str
    asked: datetime.date
    queues: Mapping[str, Mapping[str, Any]]

    def as_text(self) -> str:
        """The file."""
        data = {"format": _FORMAT, "server": self.server, "asked": self.asked.isoformat()}
        return json.dumps({**data, "queues": self.queues}, indent=1) + "\n"

    def on_top_of(
        self, known: Mapping[str, Queue], *, nodes: int, minutes: int
    ) -> dict[str, Queue]:
        """The queues of the facts, with what PBS said.

        Args:
            known: the queues of the facts, by name.
            nodes: of a job, where PBS limits them not; count.
            minutes: of a job, the same.
        """
        cited = {"source": f"qstat of {self.server}", "checked": self.asked}
        whole: dict[str, Any] = {"nodes_min": 1, "nodes_max": nodes}
        whole |= {"walltime_min_minutes": 0, "walltime_max_minutes": minutes}
        found = dict(known)
        for name, fields in self.queues.items():
            said: dict[str, Any] = {**fields, **cited, "conflicting_sources": ()}
            new = {**whole, **said}
            found[name] = replace(known[name], **said) if name in known else Queue(name=name, **new)
        return found


def read_learned_queues(file: Path | None) -> LearnedQueues | None:
    """What a file of learned queues says; None if there is none.

    A file that is damaged gets a warning, and the facts alone count: no command fails for it.
    """
    if file is None or not os.path.lexists(file):
        return None
    try:
        folder = file.parent
        owners = (os.geteuid(), folder.stat().st_uid)
        text = read_trusted(file, owners=owners, group=group_of(folder), most_bytes=_BYTES_MAX)
        return _parsed(json.loads(text))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        warn(
            f"{file} is not readable as a file of queues, and is passed by: {error}\n"
            "  fix: `polaris-parsl queues --refresh --save` writes it again"
        )
        return None


def file_of_learned_queues() -> Path | None:
    """The file in the prefix that this package is installed in; None outside of one."""
    root = own_install()
    return prefix_of(root) / QUEUES_FILE if root else None


def write_learned_queues(learned: LearnedQueues, file: Path) -> None:
    """Write the file by an atomic replace, readable for all and writable as its directory is.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as stream:
        stream.write(learned.as_text())
        # by descriptor: who can write the directory could put a link in the file's place
        os.fchmod(stream.fileno(), file.parent.stat().st_mode & 0o664 | 0o444)
    Path(stream.name).replace(file)


def _parsed(data: Any) -> LearnedQueues:
    server = data["server"]
    if data["format"] != _FORMAT or not _NAME.fullmatch(server):
        raise ValueError("its format or its server")
    queues = {name: _fields(name, table) for name, table in data["queues"].items()}
    return LearnedQueues(server, datetime.date.fromisoformat(data["asked"]), queues)


def _fields(name: str, table: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in table.items():
        is_right = (
            (key in _COUNTS and _is_count(value))
            or (key in _JOBS and all(each in _SCOPES and _is_count(value[each]) for each in value))
            or (key in _CLAIMS and isinstance(value, bool))
        )
        if not is_right:
            raise ValueError(f"{key!r} of {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name!r}")
    return dict(table)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _COUNT_MAX
