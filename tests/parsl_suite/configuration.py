"""What Parsl's own tests get by `--config`; the options come from POLARIS_PARSL_... variables."""

from parsl.config import Config

import polaris_parsl


def fresh_config() -> Config:
    # Two of the tests look for a task's files in the driver's directory; tasks start in run_dir.
    return polaris_parsl.config(account="sandbox", queue="debug", run_dir=".")
