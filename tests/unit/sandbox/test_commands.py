from polaris_parsl.sandbox import commands
from polaris_parsl.sandbox.pbs.commands import COMMANDS


def test_each_command_of_pbs_is_on_the_path_of_the_login_node() -> None:
    assert sorted(commands.TOOLS) == sorted(COMMANDS)
