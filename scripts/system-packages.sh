# shellcheck shell=bash
# Sourced by demo.sh and test.sh: the programs that come from the operating system.

# need COMMAND PACKAGE...: see that each command is there; install what is missing where
# that is possible without asking (Debian, root), else say exactly what to install.
need_programs() {
  local missing=()
  while (($#)); do
    command -v "$1" >/dev/null || [[ -e $1 ]] || missing+=("$2")
    shift 2
  done
  ((${#missing[@]})) || return 0
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    printf 'installing %s\n' "${missing[*]}" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    printf 'error: programs are missing\n  fix: install the packages %s (names of Debian), for instance\n       sudo apt-get install %s\n' \
      "${missing[*]}" "${missing[*]}" >&2
    exit 7
  fi
}

lmod=${LMOD_PKG:-/usr/share/lmod/lmod}

need_programs python3 python3-venv "$lmod/init/bash" lmod parallel parallel mpiexec.hydra mpich \
  cc gcc /usr/include/stdlib.h libc6-dev ip iproute2
