"""Starts the polaris-parsl command from the source tree, with the tools that its locks name.

    python3 scripts/bootstrap.py install --prefix DIR      any verb of polaris-parsl
    python3 scripts/bootstrap.py install --wheelhouse DIR  without a network
    python3 scripts/bootstrap.py --only-print-python       path of the tools environment's Python
    python3 scripts/bootstrap.py --only-print-python lock  the same, with what the verb needs

The tools environment is made on first use in the user's cache directory ($XDG_CACHE_HOME or
~/.cache), from wheels whose sha256 stands in tools.lock and installer.lock (for the verb `lock`
also in maintainer.lock), and found there again as long as these locks and the interpreter stay the
same. It is made with a CPython 3.11-3.13 that has pip and venv: this one, the one that --base
names, a python3.13, python3.12, python3.11 on PATH, or that of the wheelhouse, which comes first
for `--base locked`. A bundle has its wheelhouse beside the source tree.

Standard library only. The syntax stays that of Python 3.6, so that an old
python3 gets a sentence and no traceback.
"""

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("tools.lock", "installer.lock")
# for what only this verb needs
MORE_LOCKS = {"lock": ("maintainer.lock",)}
OLDEST, NEWEST = (3, 11), (3, 13)

# As in src/polaris_parsl/process.py; no program that is asked may take for ever or print without end.
ANSWER_SECONDS, WORK_SECONDS, OUTPUT_BYTES = 120, 7200, 16 << 20

# As ExitCode in src/polaris_parsl/errors.py has them.
FAILED, BASE, LOCK, CACHE = 1, 3, 4, 6
WRITABLE_CACHE = "set XDG_CACHE_HOME to a directory that you may write"

# As in env/installer/wheels.py: the same wheels whatever the glibc of this machine.
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1)]
PLATFORMS += ["manylinux2014_x86_64", "linux_x86_64"]

CHECKED = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
CHECKED += ["--disable-pip-version-check", "--quiet", "--progress-bar", "off"]


class RefusalError(Exception):
    """Ends the program with a problem, its remedy and an exit code."""

    def __init__(self, problem, remedy, code):
        super().__init__(f"{problem}\n  fix: {remedy}")
        self.code = code


def main(arguments):
    """Make or find the tools environment, then become the polaris-parsl command in it."""
    # a bundle is complete as it is, and -I ignores PYTHONDONTWRITEBYTECODE
    sys.dont_write_bytecode = True
    if arguments == ["--about"]:
        print(json.dumps(about()))
        return
    python = str(tools_python(arguments))
    if arguments[:1] == ["--only-print-python"]:
        print(python)
        return
    own = {"PYTHONPATH": str(ROOT / "src"), "PYTHONNOUSERSITE": "1"}
    # some verbs look at the user's (env/variables.py)
    given = {f"POLARIS_BOOTSTRAP_{name}": os.environ.get(name, "") for name in own}
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"} if lies_in_bundle() else {}
    env = {**os.environ, **given, **own, **quiet}
    os.execve(python, [python, "-P", "-m", "polaris_parsl", *arguments], env)


def tools_python(arguments):
    """Path of the interpreter of the tools environment, which is made if there is none yet."""
    interpreter, version, tag = supported_interpreter(arguments)
    verb = next((word for word in arguments if not word.startswith("-")), "")
    locks = [ROOT / name for name in LOCKS + MORE_LOCKS.get(verb, ())]
    digests = {lock: digest(lock) for lock in locks}
    words = [*digests.values(), interpreter, version]
    key = hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    target = Path(home, "polaris-parsl", f"tools-{key}")
    refuse_shared(target.parent)
    # `polaris-parsl install` looks for wheels under the same names (env/installer/wheels.py), and checks them
    cache = Path(home, "polaris-parsl", "wheels")
    wheels = {lock: cache / f"{tag}-{found[:16]}" for lock, found in digests.items()}
    house = wheelhouse(arguments)
    if not (target / "complete").exists():
        say(f"making the tools environment with CPython {version} (once): {target}")
        for lock, folder in wheels.items():
            if not folder.exists():
                build(folder, lambda staging, lock=lock: fetch(interpreter, lock, staging, house))
        build(target, lambda staging: fill(interpreter, version, staging, wheels))
    return target / "bin" / "python"


def refuse_shared(folder):
    """Make the cache, or refuse one of which somebody else owns or can write a part: it is run."""
    place = ROOT / "src/polaris_parsl/env/own_cache.py"
    spec = importlib.util.spec_from_file_location("own_cache", str(place))
    own_cache = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own_cache)
    try:
        why = own_cache.open_cache(str(folder))
    except OSError as error:
        problem = f"cannot use the cache {folder}: {error.strerror}: {error.filename}"
        raise RefusalError(problem, WRITABLE_CACHE, CACHE) from None
    if why:
        raise RefusalError(f"the cache {folder} is not yours alone: {why}", own_cache.REMEDY, CACHE)


def digest(lock):
    """sha256 of a lock of the source tree, in hexadecimal."""
    try:
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    except OSError as error:
        problem = f"cannot read {lock}: {error.strerror}"
        raise RefusalError(problem, "use a complete source tree", LOCK) from None


def supported_interpreter(arguments):
    """The first candidate that is a CPython 3.11-3.13 with pip and venv; its version and tag."""
    refused = []
    for candidate in candidates(arguments):
        if candidate is None:
            continue
        answer = ask(candidate)
        if answer is None:
            refused.append(f"{candidate} (does not run)")
            continue
        name, version, executable, full, tag, lacking = answer
        if name != "cpython" or not OLDEST <= tuple(version) <= NEWEST:
            refused.append(f"{candidate} ({name} {full})")
        elif lacking:
            refused.append(f"{candidate} (without {' and '.join(lacking)})")
        else:
            return executable, full, tag
    problem = f"no CPython 3.11-3.13 with pip and venv; tried: {', '.join(refused)}"
    remedy = "load a module that has one, or name one: --base /path/to/python3"
    raise RefusalError(problem, remedy, BASE)


def candidates(arguments):
    """Interpreters to try, best first; that of the wheelhouse is unpacked when its turn comes."""
    base = value_of("--base", arguments)
    # the wheels of a wheelhouse are for its own Python
    if base == "locked":
        yield bundled(arguments)
    yield sys.executable
    if base and base != "locked":
        # Path.is_dir raises where we may not look; `polaris-parsl install` says that better
        is_prefix = os.path.isdir(base)  # noqa: PTH112
        yield str(Path(base, "bin", "python3")) if is_prefix else base
    for name in ("python3.13", "python3.12", "python3.11"):
        path = shutil.which(name)
        if path:
            yield path
    yield bundled(arguments)


def wheelhouse(arguments):
    """The wheelhouse that is named, or that of the bundle which holds this source tree; else None."""
    beside = ROOT.parent / "wheelhouse"
    is_there = lies_in_bundle() and beside.is_dir()
    return value_of("--wheelhouse", arguments) or (str(beside) if is_there else None)


def lies_in_bundle():
    """Whether this source tree is that of a bundle, into which nothing is written."""
    return (ROOT.parent / "SHA256SUMS").is_file()


def bundled(arguments):
    """The Python of the wheelhouse, unpacked into the cache; None if it has none."""
    house = wheelhouse(arguments)
    if not house:
        return None
    sys.path.insert(0, str(ROOT / "scripts"))
    import bundled_python  # noqa: PLC0415 - few need it

    archives = bundled_python.find_archives(Path(house))
    if not archives:
        return None
    lock = ROOT / "conda-lock.yml"
    if bundled_python.refuse_unlocked(archives, lock):
        problem = f"{bundled_python.refuse_unlocked(archives, lock)} is not in {lock.name}"
        raise RefusalError(problem, "copy the wheelhouse again, or make it again", LOCK)
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    key = hashlib.sha256("".join(map(digest, archives)).encode()).hexdigest()[:16]
    target = Path(home, "polaris-parsl", f"python-{key}")
    if not target.exists():
        say(f"unpacking the Python of the wheelhouse (once): {target}")
        try:
            build(target, lambda staging: bundled_python.unpack(archives, staging))
        except bundled_python.NoZstdError:
            problem = "this machine has neither libzstd.so.1 nor the program zstd"
            raise RefusalError(problem, "install one, or name a Python: --base", FAILED) from None
    return str(next(target.glob("bin/python3.*[0-9]")))


def value_of(option, arguments):
    """Value of an option, as `--option VALUE` or `--option=VALUE`; None without it."""
    for index, word in enumerate(arguments):
        if word == option and index + 1 < len(arguments):
            return arguments[index + 1]
        if word.startswith(option + "="):
            return word[len(option) + 1 :]
    return None


def about():
    """What this interpreter says of itself."""
    name, cache_tag = sys.implementation.name, sys.implementation.cache_tag
    lacking = [each for each in ("pip", "venv") if not importlib.util.find_spec(each)]
    version = platform.python_version()
    return [name, list(sys.version_info[:2]), sys.executable, version, cache_tag, lacking]


def ask(interpreter):
    """What an interpreter says of itself; None if it does not start."""
    if interpreter == sys.executable and sys.flags.isolated:
        return about()
    try:
        command = [interpreter, "-I", str(Path(__file__).resolve()), "--about"]
        output = output_of(command, clean_environment(), subprocess.DEVNULL, ANSWER_SECONDS)[1]
        answer = json.loads(output.decode())
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, list) and len(answer) == 6 else None


def output_of(command, env, errors, seconds):
    """Exit code and output of a program; it ends after a time or too much output, with what it started."""
    # in the root directory no file of the current one is imported
    started = subprocess.Popen(
        command,
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
    )
    alarm = threading.Timer(seconds, end, [started])
    alarm.daemon = True
    alarm.start()
    try:
        output = started.stdout.read(OUTPUT_BYTES)
        if len(output) == OUTPUT_BYTES:
            end(started)
        return started.wait(), output
    except BaseException:
        end(started)
        started.wait()
        raise
    finally:
        alarm.cancel()
        started.stdout.close()


def end(started):
    """Kill a program and all of its session that has not left it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)


def clean_environment(is_offline=False):
    """Our environment without what makes a Python import other people's files, or a pip ask an index."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    if is_offline:
        kept = {name: value for name, value in kept.items() if not name.startswith("PIP_")}
        kept["PIP_CONFIG_FILE"] = os.devnull
    return {**kept, "PYTHONNOUSERSITE": "1"}


def build(target, make):
    """Let make() fill a folder of another name, then rename it; a faster run wins."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=str(target.parent)))
    except OSError as error:
        problem = f"cannot write {target.parent}: {error.strerror}"
        raise RefusalError(problem, WRITABLE_CACHE, CACHE) from None
    try:
        make(staging)
        try:
            staging.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(str(staging), ignore_errors=True)


def fetch(interpreter, lock, folder, house):
    """Download the wheels of a lock, or take them from a wheelhouse; pip checks their hashes."""
    pip = [interpreter, "-I", "-m", "pip", "download", *CHECKED, "-r", str(lock), "-d", str(folder)]
    what = f"fetch the wheels of {lock.name}"
    for name in PLATFORMS:
        pip += ["--platform", name]
    if house:
        wheels = str(Path(house, "wheels").resolve())
        step(what, [*pip, "--no-index", "--find-links", wheels], is_offline=True, lock=lock.name)
        return
    # as env/installer/wheels.py does: what has arrived whole is kept, and the site's proxy only where needed
    pip += ["--cache-dir", str(folder.parent.parent / "pip")]
    # for pip alone: the later steps of this run get the user's own variables
    no_proxy = network("no_proxy_for_loopback", interpreter)
    try:
        step(what, pip, variables=no_proxy, lock=lock.name)
    except RefusalError as refusal:
        site = network("site_proxy", interpreter) if refusal.code != LOCK else {}
        if not site:
            raise
        say(f"  direct connection failed; using the site proxy {site['https_proxy']}")
        step(what, pip, variables=site, lock=lock.name)


def network(function, interpreter):
    """Ask a function of env/network.py, which needs a Python that this one need not be, for variables."""
    code = "import json, os; from polaris_parsl.env import network; "
    code += f"print(json.dumps(network.{function}(os.environ)))"
    env = {**clean_environment(), "PYTHONPATH": str(ROOT / "src")}
    return json.loads(
        output_of([interpreter, "-P", "-c", code], env, None, ANSWER_SECONDS)[1].decode()
    )


def fill(interpreter, version, folder, wheels):
    """Make an environment with the wheels of locks; Python compiles them when it needs to."""
    making = [interpreter, "-I", "-m", "venv", "--without-pip", str(folder)]
    step("create the tools environment", making)
    say("  install the tools ...")
    sys.path.insert(0, str(ROOT / "scripts"))
    import unpacked_wheels  # noqa: PLC0415 - only who makes the environment needs it

    site = folder / "lib" / "python{}.{}".format(*version.split(".")) / "site-packages"
    for lock, place in wheels.items():
        try:
            unpacked_wheels.unpack_all(place, lock, folder, site)
        except unpacked_wheels.UnlockedError as error:
            problem = f"the wheels in {place} are not those that {lock.name} names: {error}"
            raise RefusalError(problem, f"remove {place}", LOCK) from None
        except OSError as error:
            problem = f"cannot install the tools: {error.strerror}: {error.filename}"
            room = f"make room in {folder.parent}"
            remedy = room if error.errno in (errno.ENOSPC, errno.EDQUOT) else WRITABLE_CACHE
            raise RefusalError(problem, remedy, CACHE) from None
    (folder / "complete").touch()


def step(what, command, is_offline=False, variables=(), lock="its lock"):
    """Run one step; its output is shown only where it fails."""
    say(f"  {what} ...")
    env = {**clean_environment(is_offline), **dict(variables)}
    code, output = output_of(command, env, subprocess.STDOUT, WORK_SECONDS)
    if code == 0:
        return
    output = output.decode("utf-8", "replace")
    # as in text.py: no user and password of an address
    output = re.sub(r"//\S*@", "//", output)
    shown = "\n".join(f"    {line}" for line in output.strip().splitlines()[-15:])
    if "DO NOT MATCH THE HASHES" in output or "require-hashes" in output:
        problem = f"a wheel is not the one that {lock} names:\n{shown}"
        remedy = "look at your index, take the locks from a release, or empty the cache: "
        remedy += "~/.cache/polaris-parsl"
        raise RefusalError(problem, remedy, LOCK)
    problem = f"cannot {what}:\n{shown}"
    hint = (
        "a wheelhouse must be made for this Python"
        if is_offline
        else "behind a proxy, set https_proxy"
    )
    raise RefusalError(problem, f"see the message; {hint}", FAILED)


def say(text):
    """Talk to the user without mixing with the results on standard output."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RefusalError as refusal:
        say(f"error: {refusal}")
        sys.exit(refusal.code)
    except KeyboardInterrupt:
        sys.exit(130)
