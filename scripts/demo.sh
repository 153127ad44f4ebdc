#!/usr/bin/env bash
# Set up and run the main job on any Debian-like machine: makes an install, loads its module in
# Lmod, and runs examples/sweep twice in the sandbox. Options of the form NAME=VALUE are passed to it.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/system-packages.sh
. "$root/scripts/system-packages.sh"
install_missing

# shellcheck source=/dev/null
. "$lmod/init/bash"

demo=$root/.demo
if [[ -d $demo ]]; then
  chmod -R u+w "$demo" # an install is read-only
  rm -r "$demo"
fi
mkdir "$demo"
cd "$demo" # nothing is imported from the directory in which this was called
"$root/scripts/install.sh" --prefix "$demo/prefix"

module use "$demo/prefix/modulefiles"
module load polaris-parsl
module list

polaris-parsl init sweep "$@"
cd sweep
for run in first second; do
  printf '\n== the %s run ==\n' "$run"
  polaris-parsl sandbox -- python workflow.py
done
