"""The error of a PBS command: its message and exit code."""

# Exit codes are the server's error numbers modulo 256, observed on OpenPBS 23.06.06.
FINISHED = 35
LIMIT_PER_USER = 38
HOOK = 32
UNKNOWN_JOB = 153
BAD_VALUE = 166
UNAUTHORIZED = 159
NO_SERVER = 162
BAD_STATE = 168
RUNS_ALREADY = 169
UNKNOWN_QUEUE = 170
NO_ACCESS = 174
UNKNOWN_RESOURCE = 187
LIMIT_OF_QUEUE = 188
NOT_RERUNNABLE = 190
NO_MOM = 222
USAGE = 2


class Refusal(Exception):
    """PBS refuses the command.

    Args:
        exit_code: exit code of the command.
        text: the message on stderr, without the command's name.
    """

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(text)
        self.exit_code = exit_code
        self.text = text
