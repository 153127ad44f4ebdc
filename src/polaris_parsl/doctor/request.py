"""Checks a script's request: the options, and the addresses that workers get."""

import socket
from collections.abc import Iterator

from polaris_parsl.doctor.findings import DoctorFinding, note, ok, problem, unknown
from polaris_parsl.doctor.here import Here
from polaris_parsl.errors import OptionError
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.pbs.walltime import write_walltime


def look_at_options(here: Here) -> Iterator[DoctorFinding]:
    """`polaris_parsl.config` takes the options, and PBS would take the blocks."""
    planned = here.planned
    for text in planned.warned:
        yield note(text)
    if planned.refusal:
        yield problem(planned.refusal.problem, planned.refusal.remedy)
        return
    for request in planned.requests:
        options = request.options
        size = f"nodes_per_block={options.nodes_per_block}, "
        if options.mode == "inside_job":
            size += f"of job {here.driver.job}"
        else:
            size += f"walltime={write_walltime(options.walltime)}, queue={options.queue}"
        yield ok(f"{options.label}: {size}; mode {options.mode}, {request.mode_reason}")
    if planned.no_account:
        yield note(planned.no_account.problem, planned.no_account.remedy)


def look_at_interfaces(here: Here) -> Iterator[DoctorFinding]:
    """This node has the address that workers connect to."""
    # imports Parsl, and the install whose Parsl it is may be damaged
    from polaris_parsl.configuration.addresses import LOOPBACK  # noqa: PLC0415

    present = [name for _, name in socket.if_nameindex()]
    for request in here.planned.requests:
        options, error = request.options, request.address_error
        if error:
            # other systems need not have its interfaces
            if options.interface is None and not set(present) & set(polaris().interfaces):
                yield unknown(error.problem)
            else:
                yield problem(
                    error.problem,
                    "leave interface and address out, or name an interface of this node",
                )
            continue
        found = request.settings.addresses.value
        if not all(map(_is_ours, found)):
            yield problem(
                f"address={', '.join(found)} is not an address of this node; its interfaces are "
                f"{', '.join(present)}",
                "leave address out to use the addresses of the interfaces",
            )
        # the sandbox may have all its nodes on this machine
        elif found == [LOOPBACK] and options.nodes_per_block > 1 and not here.driver.in_sandbox:
            yield problem(
                f"{LOOPBACK} is a loopback address; workers on other nodes cannot reach it",
                "leave address and interface out, or name an interface that the nodes reach",
            )
        else:
            yield ok(f"{options.label}: workers connect to {' or '.join(found)}; {_known(present)}")


def _known(present: list[str]) -> str:
    wanted = polaris().interfaces
    asked = [f"{name} is {'there' if name in present else 'missing'}" for name in wanted]
    return ", ".join(asked)


def _is_ours(address: str) -> bool:
    """Whether a process can listen on the address here."""
    from polaris_parsl.configuration.addresses import refuse_foreign_address  # noqa: PLC0415 - as above

    try:
        refuse_foreign_address(address)
    except OptionError:
        return False
    return True
