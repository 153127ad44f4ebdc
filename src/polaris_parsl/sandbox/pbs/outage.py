"""What PBS's commands say when no server answers; recorded on OpenPBS 23.06.06."""

from collections.abc import Sequence

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.sandbox.pbs.call import CommandResult
from polaris_parsl.sandbox.pbs.refusal import NO_SERVER
from polaris_parsl.sandbox.pbs.show import json_document

_REFUSED = "Connection refused\n"
_NUMBER = 15010


def server_down(tool: str, argv: Sequence[str]) -> CommandResult:
    """The result of a command whose server is down."""
    server = polaris().pbs_server
    cannot = f"{_REFUSED}{tool}: cannot connect to server"
    if tool == "qstat":
        in_json = "-f" in argv and "json" in argv
        header = json_document("Jobs", {}) if in_json else ""
        return CommandResult(255, header, f"{cannot} {server} (errno={_NUMBER})\n")
    if tool == "qdel":
        return CommandResult(NO_SERVER, "", f"{_REFUSED}Couldn't connect to cluster: {server}\n")
    if tool == "pbsnodes":
        return CommandResult(1, "", f"{cannot} {server}, error={_NUMBER}\n")
    return CommandResult(NO_SERVER, "", f"{cannot} {server} (errno={_NUMBER})\n")
