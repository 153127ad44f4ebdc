#!/usr/bin/env bash
# Set up and pass the tests, lint among them. Arguments go to pytest.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# shellcheck source=scripts/system-packages.sh
. scripts/system-packages.sh
need lua-check command -v luacheck
need lua5.3 command -v luac5.3
need zstd command -v zstd
for shell in zsh tcsh fish; do
  need "$shell" command -v "$shell"
done
# tests with several users need a Python that all of them can read
need "python3-venv python3-pip" /usr/bin/python3 -c "import ensurepip, pip, venv"
install_missing

tools=$(python3 scripts/bootstrap.py --only-print-python)
uv=$(dirname "$tools")/uv
"$uv" venv --quiet --allow-existing --python "$tools" .venv
"$uv" pip install --quiet --python .venv/bin/python --require-hashes \
  -r tools.lock -r installer.lock -r maintainer.lock
"$uv" pip install --quiet --python .venv/bin/python --group dev
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .

ENVIRONMENT_MODULES_INIT=${ENVIRONMENT_MODULES_INIT:-$(scripts/environment-modules.sh "$root/.venv/environment-modules")}
export ENVIRONMENT_MODULES_INIT
# On a laptop a test may be skipped for want of these; here that would be a failure.
export POLARIS_PARSL_REQUIRE=lmod,shells,environment-modules
# Two at a time: many tests wait, or keep one core busy. Those of one file share their installs.
exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
