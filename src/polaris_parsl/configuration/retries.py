"""Parsl's question after a failed task: what the failure costs of its `retries`."""

import math
from collections.abc import Mapping
from typing import Any

from parsl.executors.errors import BadStateException
from parsl.executors.high_throughput.errors import ManagerLost

from polaris_parsl.configuration.blocks.losses import Loss, Losses
from polaris_parsl.configuration.executor import PolarisExecutor, PolarisMPIExecutor
from polaris_parsl.configuration.parsl_internals.node_lost import NodeLost
from polaris_parsl.configuration.record.task_attempts import Attempts
from polaris_parsl.errors import BlockError


class RetryHandler:
    """Lets a task that was lost with its node run again at no cost.

    Args:
        losses: of the run.
        executors: by label.
        attempts: of the run.
    """

    def __init__(
        self,
        losses: Losses,
        executors: Mapping[str, PolarisExecutor | PolarisMPIExecutor],
        attempts: Attempts,
    ) -> None:
        self._losses, self._executors, self._attempts = losses, executors, attempts

    def __call__(self, error: Exception, task: Mapping[str, Any]) -> float:
        """What a failure costs; a task fails when its costs exceed `retries`.

        Raises:
            TaskError: the task was lost too often.
        """
        if isinstance(error, BadStateException | BlockError):
            return math.inf  # no executor is left that could run it
        executor = self._executors.get(task["executor"])
        if not isinstance(error, ManagerLost):
            self._attempts.failed(task["id"], error)
            said = executor.errors_of_block(error) if executor else ""
            if said:
                error.add_note(said)
            return 1
        loss = Loss(
            task=task["id"],
            app=task["func_name"],
            executor=task["executor"],
            block=error.block if isinstance(error, NodeLost) else "?",
            host=error.hostname,
            seconds=error.seconds if isinstance(error, NodeLost) else 0.0,
        )
        cause, walltime = executor.end_of_block(loss.block) if executor else (None, "")
        reason = error.reason if isinstance(error, NodeLost) else ""
        self._losses.lose(loss, cause, walltime, reason)
        return 0
