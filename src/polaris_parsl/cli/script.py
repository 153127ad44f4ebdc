"""`polaris-parsl script`: the job scripts that Parsl would submit."""

from polaris_parsl.cli.say import say
from polaris_parsl.cli.user_opts import UserOpts, read_words


def script(options: UserOpts = None) -> None:
    """Print the job script of each executor, and the command that submits it."""
    from polaris_parsl.configuration.job_script import (  # noqa: PLC0415 - parsl takes its time
        DRIVER_ADDRESS,
        job_scripts,
    )

    for job in job_scripts(**read_words(options)):
        say(job.text)
        if DRIVER_ADDRESS in job.text:
            say(
                f"note: {DRIVER_ADDRESS} stands for the address of the node that runs the driver: this "
                "machine has none that compute nodes would reach",
                to_errors=True,
            )
        say(f"# {job.executor} is submitted by: {job.command or 'bash, inside this job'}")
