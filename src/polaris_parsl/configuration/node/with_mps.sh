#!/bin/sh
# Run a command on a node with NVIDIA's Multi-Process Service, so that processes can share a GPU:
#   with_mps.sh PIPE_DIRECTORY LOG_DIRECTORY -- COMMAND...
# The service ends with the command, whose exit code is returned.
set -eu

stop() {
  printf 'polaris_parsl on %s: %s\n  fix: %s\n' "$(uname -n)" "$1" "$2" >&2
  exit 1
}

[ "$#" -ge 4 ] && [ "$3" = -- ] ||
  stop "with_mps.sh cannot be called with: $*" 'give PIPE_DIRECTORY LOG_DIRECTORY -- COMMAND...'
export CUDA_MPS_PIPE_DIRECTORY="$1" CUDA_MPS_LOG_DIRECTORY="$2"
shift 3

command -v nvidia-cuda-mps-control >/dev/null ||
  stop 'there is no nvidia-cuda-mps-control on PATH' 'use workers_per_gpu=1 where MPS is missing'
(umask 077 && mkdir -p "$CUDA_MPS_PIPE_DIRECTORY" "$CUDA_MPS_LOG_DIRECTORY") ||
  stop "cannot make $CUDA_MPS_PIPE_DIRECTORY and $CUDA_MPS_LOG_DIRECTORY" \
    'remove what is there of another user'
nvidia-cuda-mps-control -d ||
  stop 'NVIDIA MPS does not start' "look into $CUDA_MPS_LOG_DIRECTORY; does one run already?"
printf 'start_server -uid %s\n' "$(id -u)" | nvidia-cuda-mps-control >/dev/null ||
  stop 'NVIDIA MPS starts no server' "look into $CUDA_MPS_LOG_DIRECTORY on this node"

# The shell must outlive the command, to end the service; signals are for the command.
"$@" &
command=$!
trap 'kill -TERM "$command" 2>/dev/null || :' TERM INT HUP
trap 'echo quit | nvidia-cuda-mps-control >/dev/null 2>&1 || :' EXIT
code=0
wait "$command" || code=$?
# a signal ends the wait before the command
while kill -0 "$command" 2>/dev/null; do
  code=0
  wait "$command" || code=$?
done
exit "$code"
