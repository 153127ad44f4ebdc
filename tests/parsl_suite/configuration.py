"""What Parsl's own tests are given by `--config`: our configuration, for the sandbox."""

from parsl.config import Config

import polaris_parsl


def fresh_config() -> Config:
    return polaris_parsl.config(account="sandbox", queue="debug", run_dir="runs")
