"""Makes a job from a call of qsub."""

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from polaris_parsl.facts.polaris import polaris
from polaris_parsl.facts.queues import Queue
from polaris_parsl.sandbox.linux.nodes import OURS
from polaris_parsl.sandbox.pbs.arrays import make_array
from polaris_parsl.sandbox.pbs.job import Job
from polaris_parsl.sandbox.pbs.limits import check_hook, find_queue
from polaris_parsl.sandbox.pbs.options import (
    QsubOptions,
    check_name,
    read_command_line,
    read_directives,
    read_execution_time,
    read_variables,
)
from polaris_parsl.sandbox.pbs.refusal import Refusal
from polaris_parsl.sandbox.pbs.resources import check_names, check_place, read_select, read_walltime

_USER = ("HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ")


def script_operand(argv: Sequence[str]) -> str | None:
    """The script that a call of qsub names; None if it comes on standard input.

    Raises:
        Refusal: an option is unknown.
    """
    operands = read_command_line(argv)[1]
    return operands[0] if operands and operands[0] != "-" else None


def read_script(path: str, cwd: str) -> str:
    """The text of a script.

    Raises:
        Refusal: the script cannot be read.
    """
    try:
        return (Path(cwd) / path).read_text("utf-8", errors="surrogateescape")
    except FileNotFoundError as error:
        raise Refusal(1, "script file:: No such file or directory") from error
    except OSError as error:
        raise Refusal(1, f"script file:: {error.strerror}") from error


def waits(argv: Sequence[str], script: str) -> bool:
    """Whether a call of qsub waits for the end of its job (-W block=true)."""
    return asked(argv, script).attributes.get("block", "false") == "true"


def asked(argv: Sequence[str], script: str) -> QsubOptions:
    """What a call of qsub asks for; its command line comes before the #PBS lines.

    Raises:
        Refusal: an option is wrong.
    """
    options = QsubOptions()
    options.take(read_command_line(argv)[0])
    options.take(read_directives(script))
    return options


def make_job(
    number: int,
    argv: Sequence[str],
    *,
    script: str,
    cwd: str,
    environment: Mapping[str, str],
    queues: Mapping[str, Queue] | None = None,
) -> Job:
    """The job that a call of qsub requests, before the check of the queue's limits.

    Without queues, those of the facts are all that there are.

    Raises:
        Refusal: an option, a resource or the queue is wrong, or the hook refuses the job.
    """
    operands = read_command_line(argv)[1]
    options = asked(argv, script)
    letters, resources = options.letters, options.resources
    queue = find_queue(letters.get("q", ""), queues)
    walltime = resources.get("walltime", "")
    seconds = read_walltime(walltime) if walltime else 0
    check_names(resources)
    select = resources.get("select", f"1:ncpus={resources.get('ncpus', '1')}")
    read_select(select)
    place = resources.get("place", "free" if "select" in resources else "pack")
    check_place(place)
    check_hook(letters.get("A", ""), resources.get("filesystems", ""), walltime)
    name = letters.get("N") or (Path(operands[0]).name if operands else "STDIN")
    check_name(name)
    now = time.time()
    begin = read_execution_time(letters["a"]) if "a" in letters else None
    user = {key: environment[key] for key in _USER if key in environment}
    job = Job(
        number=number,
        id=f"{number}.{polaris().pbs_server}",
        name=name,
        owner=user.get("LOGNAME", user.get("USER", "user")),
        account=letters["A"],
        queue=queue.name,
        script=script,
        shell=letters.get("S", ""),
        select=select,
        place=place,
        filesystems=resources["filesystems"],
        walltime_seconds=seconds,
        output_path=_output(letters.get("o", ""), cwd, f"{name}.o{number}", f"{number}.OU"),
        error_path=_output(letters.get("e", ""), cwd, f"{name}.e{number}", f"{number}.ER"),
        join=letters.get("j", "n"),
        rerunnable="False" if letters.get("r") == "n" else "True",
        mail_points=letters.get("m", "a"),
        submit_arguments=shlex.join(argv).replace("'", ""),
        variables=_variables(letters, environment, cwd, queue.name),
        user=user,
        ctime=now,
        mtime=now,
        execution_time=begin,
        depend=options.attributes.get("depend", ""),
        hold_types="u" if "h" in letters else "n",
    )
    if "J" in letters:
        make_array(job, letters["J"])
    job.wait(now)
    return job


def _output(asked: str, cwd: str, default: str, in_folder: str) -> str:
    """The absolute path of an output file; of "host:path" the host is ignored."""
    path = asked.partition(":")[2] if ":" in asked.partition("/")[0] else asked
    absolute = Path(cwd) / (path or default)
    if path and (path.endswith("/") or absolute.is_dir()):
        absolute = absolute / in_folder
    return str(absolute)


def _variables(
    letters: Mapping[str, str], environment: Mapping[str, str], cwd: str, queue: str
) -> dict[str, str]:
    """The job's Variable_List: PBS_O_* and the variables of -v and -V."""
    variables = {
        f"PBS_O_{name}": environment[name]
        for name in ("HOME", "LANG", "LOGNAME", "PATH", "MAIL", "SHELL")
        if name in environment
    }
    variables |= {"PBS_O_WORKDIR": cwd, "PBS_O_SYSTEM": "Linux"}
    if "V" in letters:
        stays = {*_USER, "PATH", "PWD", "OLDPWD", "SHLVL", "_"}
        variables |= {
            name: value
            for name, value in environment.items()
            if name not in stays and not OURS.fullmatch(name)
        }
    if "v" in letters:
        variables |= read_variables(letters["v"], dict(environment))
    return variables | {"PBS_O_QUEUE": queue, "PBS_O_HOST": polaris().login_fqdn}
