# shellcheck shell=bash
# Sourced by demo.sh and test.sh: what must come from the operating system, by Debian's names.

missing=()

# need "PACKAGE..." COMMAND...: the packages are wanted where the command fails.
need() {
  local packages
  read -ra packages <<<"$1"
  shift
  "$@" >/dev/null 2>&1 </dev/null || missing+=("${packages[@]}")
}

# Install what is missing where that is possible without asking; else say exactly what to install.
install_missing() {
  ((${#missing[@]})) || return 0
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    printf 'installing %s\n' "${missing[*]}" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    printf 'error: this machine lacks programs\n  fix: install the packages %s (names of Debian), for instance\n       sudo apt-get install %s\n' \
      "${missing[*]}" "${missing[*]}" >&2
    exit 7
  fi
}

lmod=${LMOD_PKG:-/usr/share/lmod/lmod}

need "python3 python3-venv python3-pip" python3 -c "import ensurepip, pip, venv"
need lmod test -r "$lmod/init/bash"
need parallel command -v parallel
need mpich command -v mpiexec.hydra
need "gcc libc6-dev" cc -x c -include stdlib.h -fsyntax-only /dev/null
need iproute2 command -v ip
