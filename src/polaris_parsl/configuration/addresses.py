"""The addresses of this node that workers on other nodes connect to."""

import socket

from parsl.addresses import address_by_interface

from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions

LOOPBACK = "127.0.0.1"


def addresses_for_workers(options: ExecutorOptions) -> list[str]:
    """The address that is asked for, or those of the interfaces that face the compute nodes.

    Raises:
        OptionError: this node has no such address.

    Source: [network] in facts/polaris.toml. Sources disagree about the interface, so all
    are offered; workers try each. No outside service is asked.
    """
    if options.address is not None:
        return [options.address]
    present = [name for _, name in socket.if_nameindex()]
    wanted = polaris().interfaces if options.interface is None else (options.interface,)
    found = []
    for name in wanted:
        if name in present:
            try:
                found.append(address_by_interface(name))
            except OSError:  # the interface has no IPv4 address
                continue
    if found:
        return list(dict.fromkeys(found))
    if options.interface is None and options.mode == "inside_job" and options.nodes_per_block == 1:
        return [LOOPBACK]
    raise OptionError(
        f"this node has no address on {' or '.join(wanted)}, where compute nodes would look "
        f"for it; its interfaces are {', '.join(present)}",
        remedy="run on a login node of the system, rehearse with `polaris-parsl sandbox -- "
        "COMMAND`, or pass address= or interface=",
    )


def refuse_foreign_address(address: str) -> None:
    """Refuse to listen where this node cannot; Parsl says so after two minutes, in a log.

    Raises:
        OptionError: the address is not one of this node.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.bind((address, 0))
    except OSError as error:
        raise OptionError(
            f"this node cannot listen on address={address!r}, where its workers would look for it: "
            f"{error.strerror}",
            remedy="pass an address of the node that runs this, interface=, or neither",
        ) from error
