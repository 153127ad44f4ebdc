#!/usr/bin/env bash
# Set up and pass the tests, lint among them.
#
#   scripts/test.sh             all tests but the long ones: what .ci/run runs
#   scripts/test.sh --fast      unit tests, lint, types, one install and one workflow
#   scripts/test.sh --all       the long tests, too: endpoint environments, other releases of Parsl,
#                               Parsl's own tests, 1,000 examples of each property
#   scripts/test.sh --coverage  all tests but the long ones; shows which branches they reach
#
# Other arguments go to pytest: scripts/test.sh tests/unit/options -k walltime
set -euo pipefail
chosen=(-m "not long")
# Twice as many as cores: many tests wait.
workers=$((2 * $(nproc)))
case ${1-} in
  --fast)
    shift
    # these hardly wait
    workers=$(nproc)
    chosen+=(tests/unit tests/lint
      tests/install/test_install.py::test_an_install_imports_the_locked_parsl_and_runs_its_command
      tests/workflow/test_staged.py)
    ;;
  --all)
    shift
    chosen=(--hypothesis-profile=long)
    ;;
  --coverage)
    shift
    chosen+=(--cov --cov-report=term:skip-covered)
    ;;
esac
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# some images set it: then each of thousands of processes would compile all that it imports
unset PYTHONDONTWRITEBYTECODE
# shellcheck source=scripts/system-packages.sh
. scripts/system-packages.sh
need lua-check command -v luacheck
need lua5.3 command -v luac5.3
need zstd command -v zstd
need openssl command -v openssl
need strace command -v strace
need "chromium fonts-dejavu-core" command -v chromium
for shell in zsh tcsh fish; do
  need "$shell" command -v "$shell"
done
# the tests run on it, and those with several users need one that all can read
need "python3-venv python3-pip" /usr/bin/python3 -I -c "import ensurepip, pip, venv"
install_missing

# the tests take this one, and its wheels; the system's where it can be, because it is built for speed
tools=$(/usr/bin/python3 -I scripts/bootstrap.py --only-print-python)
base=$("$tools" -c "import sys; print(sys._base_executable)")
# index, proxy and certificates as pip has them
network=$(PYTHONPATH=src "$tools" -c \
  "import os, sys; from polaris_parsl.env.pip_settings import shell_lines; sys.stdout.write(shell_lines(os.environ))")
eval "$network"
"$base" -I -m venv --without-pip .venv
uv=.venv/bin/uv
# pip reads the whole page of each package in the index, so it fetches only this one
if [[ ! -x $uv ]]; then
  sed -n '/^uv==/,/[^\\]$/p' maintainer.lock |
    "$base" -I -m pip --python .venv/bin/python install --quiet --disable-pip-version-check \
      --no-compile --no-deps --only-binary :all: --require-hashes -r /dev/stdin
fi
"$uv" pip install --quiet --python .venv/bin/python --require-hashes \
  -r tools.lock -r installer.lock -r maintainer.lock
"$uv" pip install --quiet --python .venv/bin/python --group dev --group docs
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .

ENVIRONMENT_MODULES_INIT=${ENVIRONMENT_MODULES_INIT:-$(scripts/environment-modules.sh "$root/.venv/environment-modules")}
export ENVIRONMENT_MODULES_INIT
# On a laptop a test is skipped if these are missing; here that would be a failure.
export POLARIS_PARSL_REQUIRE=lmod,shells,environment-modules,docs,chromium,strace
# What takes longest comes first (tests/conftest.py).
exec .venv/bin/python -m pytest -n "$workers" --dist loadfile --no-loadscope-reorder \
  "${chosen[@]}" "$@"
