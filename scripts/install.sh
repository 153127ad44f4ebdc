#!/usr/bin/env bash
# Installs polaris-parsl from this source tree; `scripts/install.sh --help` lists the options.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
if ! python=$(command -v python3); then
  printf 'error: no python3 on PATH\n  fix: load the base module first\n' >&2
  exit 3
fi
exec "$python" -I "$root/scripts/bootstrap.py" install "$@"
