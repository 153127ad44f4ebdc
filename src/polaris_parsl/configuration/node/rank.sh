#!/bin/sh
# Give a rank of an MPI program its GPU and the CPUs beside it:
#   mpiexec -n RANKS --ppn RANKS_PER_NODE --cpu-bind none rank.sh COMMAND...
# POLARIS_PARSL_GPU_CPUS says which CPUs belong to which GPU, as "0:24-31,56-63 1:16-23,48-55".
# Rank i of a node gets the i-th of them; with more ranks than GPUs it goes round.
set -eu

stop() {
  printf 'polaris_parsl on %s: %s\n  fix: %s\n' "$(uname -n)" "$1" "$2" >&2
  exit 1
}

[ "$#" -gt 0 ] || stop 'rank.sh has nothing to run' 'give it the program and its arguments'
rank=${PMI_LOCAL_RANK:-${PALS_LOCAL_RANKID:-${MPI_LOCALRANKID:-}}}
[ -n "$rank" ] ||
  stop 'no variable tells the rank on this node' 'start rank.sh by mpiexec'
[ -n "${POLARIS_PARSL_GPU_CPUS:-}" ] ||
  stop 'POLARIS_PARSL_GPU_CPUS is not set' 'run it in a task of an executor with max_workers_per_block'
command -v taskset >/dev/null ||
  stop 'there is no taskset on PATH' 'install util-linux, or bind with --cpu-bind of mpiexec'

count=0
for entry in $POLARIS_PARSL_GPU_CPUS; do count=$((count + 1)); done
wanted=$((rank % count)) number=0
for entry in $POLARIS_PARSL_GPU_CPUS; do
  if [ "$number" -eq "$wanted" ]; then
    export CUDA_VISIBLE_DEVICES="${entry%%:*}"
    exec taskset -c "${entry#*:}" "$@"
  fi
  number=$((number + 1))
done
