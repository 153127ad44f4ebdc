"""The table of options: every option of `polaris_parsl.config`, once.

A row has the name, the type that a caller gives, and an `Option` with the check, the unit, the
default and one sentence of help. From it come the signature and the docstring of `config`, what is
read from files, the environment and the command line, what Parsl's objects are handed, what
`endpoint` leaves to users, what `adopt` translates, and docs/options.md.

The themes, in `blocks` and `tasks`, are TypedDicts, so that editors complete the options of a call
and type checkers check them. An option that is only handed on to Parsl needs a row here and nothing else; one that the
package computes with is a field of `ExecutorOptions`, too.
"""

from polaris_parsl.options.option import rows_of
from polaris_parsl.options.table.blocks import BlockOptions, JobOptions, ScriptOptions
from polaris_parsl.options.table.tasks import (
    ConnectionOptions,
    LogOptions,
    TaskOptions,
    WorkerOptions,
)


class UserOpts(
    JobOptions,
    WorkerOptions,
    ScriptOptions,
    BlockOptions,
    TaskOptions,
    ConnectionOptions,
    LogOptions,
    total=False,
):
    """All options of `polaris_parsl.config`."""


OPTIONS = rows_of(
    JobOptions,
    WorkerOptions,
    ScriptOptions,
    BlockOptions,
    TaskOptions,
    ConnectionOptions,
    LogOptions,
)
