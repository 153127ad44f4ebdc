"""The shell text that gives a block the environment of the driver, or stops it."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from polaris_parsl.configuration.proxies import proxy_variables
from polaris_parsl.driver import PROXIES, Driver
from polaris_parsl.facts.polaris import polaris
from polaris_parsl.options.options import ExecutorOptions
from polaris_parsl.version import VERSION

# They belong to the first node, its shell or its run of GNU Parallel; the other nodes have their own.
_STAY_ON_FIRST_NODE = ("HOSTNAME", "PWD", "OLDPWD", "SHLVL", "PARALLEL_HOME", "_")


def compose(
    options: ExecutorOptions,
    driver: Driver,
    variables: Mapping[str, str] | None = None,
    *,
    image: Path | None = None,
) -> str:
    """Shell text for the provider's worker_init.

    bash runs it on the first node of a block. Where a part fails, it ends the
    job with a message on standard error, which Parsl shows to the user; going
    on would end in workers that never come.

    Args:
        options: the request.
        driver: whose environment the workers get. Inside a job they inherit its modules.
        variables: environment variables that the tasks need.
        image: what workers import, where they start from the disks of their nodes.
    """
    proxies = proxy_variables(options.proxy, driver.proxies)
    is_inside = options.mode == "inside_job"
    by_parallel = options.launcher == "gnu_parallel"
    parts = [
        _PRELUDE,
        _module(driver) if driver.module and not is_inside else "",
        _interpreter_first_on_path(driver),
        _variables(driver, {**proxies, **(variables or {})}),
        _NO_PROXIES if options.proxy == "none" else "",
        _users(options.worker_init) if options.worker_init else "",
        _check_parallel() if by_parallel else _check_mpiexec(),
        _check_interpreter(driver),
        _SCRATCH if is_inside or by_parallel else _NO_NODES,
        _nodes(options) if is_inside else "",
        _identity(driver, image) if image else "",
        _PARALLEL_HOME if by_parallel else "",
        enter(
            options.run_dir,
            "the run directory",
            "choose a run_dir on a filesystem that the nodes mount and scheduler_options names",
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def environment_of_driver(driver: Driver, variables: Mapping[str, str]) -> str:
    """Shell text that makes the driver's environment again in a job, or ends that with a message.

    Args:
        driver: whose environment it is.
        variables: more environment variables.
    """
    parts = [
        _PRELUDE,
        _module(driver) if driver.module else "",
        _interpreter_first_on_path(driver),
        _variables(driver, variables),
        _check_interpreter(driver),
    ]
    return "\n\n".join(part for part in parts if part)


def enter(folder: Path, what: str, remedy: str) -> str:
    """Shell text that makes a directory the working directory, or ends the shell with a message."""
    return f"cd {quote(str(folder))} || {_stop(f'cannot enter {what} {folder}', remedy)}"


def _identity(driver: Driver, image: Path) -> str:
    """What the nodes need to start workers from copies on their own disks; they do without it."""
    python = f"{quote(str(driver.python))} -P -m polaris_parsl.configuration.node.identity"
    return f"""\
export POLARIS_PARSL_IDENTITY POLARIS_PARSL_BLOCK_NODES
POLARIS_PARSL_IDENTITY=$({python} {quote(str(image))}) || POLARIS_PARSL_IDENTITY=
POLARIS_PARSL_BLOCK_NODES=$([ ! -r "${{PBS_NODEFILE:-}}" ] || sort -u "$PBS_NODEFILE" | tr '\\n' ' ')"""


def load_module(driver: Driver) -> str:
    """Shell text that loads the driver's module, or ends the shell with a message."""
    return f"{_STOP}\n\n{_module(driver)}"


_STOP = """\
polaris_parsl_stop() {
    printf 'polaris_parsl on %s: %s\\n  fix: %s\\n' "$(hostname)" "$1" "$2" >&2
    exit 1
}"""

_PRELUDE = f"""\
# The environment of the driver, made again by polaris_parsl {VERSION}
{_STOP}"""


_NO_PROXIES = f"unset {' '.join(word for name in PROXIES for word in (name, name.upper()))}"


def _stop(problem: str, remedy: str) -> str:
    return f"polaris_parsl_stop {quote(problem)} {quote(remedy)}"


def _users(text: str) -> str:
    """The user's own text; where it ends the job, bash says at which line."""
    return f"{_SAY_WHERE}\n{text}\n{_SAY_NO_MORE}"


# The lines of the user's text follow at once, so that they are counted from 1.
_SAY_WHERE = """\
if [ -n "${BASH_VERSION:-}" ]; then
polaris_parsl_first=$LINENO
trap 'if [ "$LINENO" -gt "$polaris_parsl_first" ]; then polaris_parsl_line=$((LINENO - polaris_parsl_first - 4)); fi' DEBUG
trap 'polaris_parsl_code=$?; polaris_parsl_what=$BASH_COMMAND; (polaris_parsl_stop "worker_init ended the job with exit code $polaris_parsl_code, at its line $polaris_parsl_line: $polaris_parsl_what" "mend worker_init, or what that line needs")' EXIT
fi
# worker_init of the user"""
_SAY_NO_MORE = """\
[ -z "${BASH_VERSION:-}" ] || trap - DEBUG
case "$(trap)" in *polaris_parsl_code*) trap - EXIT ;; esac"""

_SCRATCH = f"""\
polaris_parsl_scratch=$(mktemp -d) || {
    _stop("cannot make a directory in TMPDIR", "free some space there")
}
trap 'rm -rf -- "$polaris_parsl_scratch" "${{JOBNAME:-none}}.nodes"' EXIT"""

# Parsl's launchers leave the names of the nodes in the run directory.
_NO_NODES = """\
trap 'rm -f -- "${JOBNAME:-none}.nodes"' EXIT"""


_PARALLEL_HOME = f"""\
# `parallel --env _`, as Parsl calls it, copies all variables to the nodes but those listed here
export PARALLEL_HOME=$polaris_parsl_scratch
printf '%s\\n' {" ".join(_STAY_ON_FIRST_NODE)} >"$PARALLEL_HOME/ignored_vars\""""


def _nodes(options: ExecutorOptions) -> str:
    """The nodes of this executor, where Parsl's launchers and MPIExecutor look for them."""
    return f"""\
printf '%s\\n' {" ".join(quote(node) for node in options.nodes)} >"$polaris_parsl_scratch/nodes"
export PBS_NODEFILE=$polaris_parsl_scratch/nodes"""


def _module(driver: Driver) -> str:
    """Load the driver's module, and see from a variable that it sets whether that worked.

    The exit code of `module load` is no help: some versions of Lmod return 1
    for a mere warning. Nor may it end a job under `set -e` before the job reports that.
    """
    module, tree = quote(str(driver.module)), quote(str(driver.module_tree))
    # bash takes functions that it exports; other shells of jobs, as sh, need their own start-up file
    home = driver.module_home
    init = f"{quote(str(home))}/init/${{BASH_VERSION:+ba}}sh" if home else ""
    no_module = _stop("there is no module command", "ask the site how a batch job gets it")
    not_loaded = _stop(
        f"cannot load the module {driver.module} of {driver.module_tree}",
        "see the message of `module load` above; do the nodes mount that directory?",
    )
    return f"""\
for polaris_parsl_start in /etc/profile {init}; do
    command -v module >/dev/null 2>&1 || [ ! -r "$polaris_parsl_start" ] || . "$polaris_parsl_start"
done
command -v module >/dev/null 2>&1 || {no_module}
unset POLARIS_PARSL_MODULE
module use {tree}
module load {module} || true
[ "${{POLARIS_PARSL_MODULE:-}}" = {module} ] || {not_loaded}
# with it, bash reads Lmod's start-up file again for every command of every task
unset BASH_ENV"""


def _interpreter_first_on_path(driver: Driver) -> str:
    return f"export PATH={quote(str(driver.python.parent))}:$PATH"


def _variables(driver: Driver, variables: Mapping[str, str]) -> str:
    pythonpath = (
        f"export PYTHONPATH={quote(driver.pythonpath)}" if driver.pythonpath else "unset PYTHONPATH"
    )
    own = {"PYTHONNOUSERSITE": "1", "TMPDIR": polaris().node.tmpdir, **variables}
    exports = (f"export {name}={quote(value)}" for name, value in own.items())
    return "\n".join(["unset PYTHONHOME", pythonpath, *exports])


def _check_mpiexec() -> str:
    missing = _stop("there is no mpiexec on PATH", "ask the site how a batch job gets mpiexec")
    return f"command -v mpiexec >/dev/null || {missing}"


def _check_parallel() -> str:
    missing = _stop(
        "there is no GNU Parallel on PATH", "use launcher='mpiexec', or load a module that has it"
    )
    return f"parallel --version 2>/dev/null | grep -q '^GNU parallel' || {missing}"


def _check_interpreter(driver: Driver) -> str:
    python, parsl = quote(str(driver.python)), driver.parsl
    script = quote('from importlib.metadata import version; print(version("parsl"))')
    missing = _stop(
        f"{driver.python} does not find parsl {parsl} here, as it does for the driver",
        "install it on a filesystem that the nodes mount",
    )
    return f'[ "$({python} -P -c {script})" = {quote(parsl)} ] || {missing}'
