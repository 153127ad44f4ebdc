#!/usr/bin/env bash
# Sets up Environment Modules for the tests, and prints its start-up file for bash. Debian's package
# cannot be installed beside Lmod, so it is unpacked into the directory of the argument.
set -euo pipefail
target=$1
init=$target/usr/share/modules/init/bash
if [[ ! -r $init ]]; then
  if ! command -v apt-get >/dev/null; then
    printf 'error: cannot unpack the package environment-modules without apt-get\n' >&2
    printf '  fix: install Environment Modules 5.1 or later, and set ENVIRONMENT_MODULES_INIT to its init/bash\n' >&2
    exit 7
  fi
  staging=$(mktemp -d "$target.XXXXXX")
  trap 'rm -rf -- "$staging"' EXIT
  cd "$staging"
  apt-get download -qq environment-modules >&2 || {
    apt-get update -qq >&2
    apt-get download -qq environment-modules >&2
  }
  dpkg -x environment-modules_*.deb .
  # the package names its files by where they would be installed
  sed -i "s#/etc/environment-modules\|/usr/share/modules\|/usr/lib/x86_64-linux-gnu#$target&#g" \
    usr/lib/x86_64-linux-gnu/modulecmd.tcl usr/share/modules/init/{bash,fish,sh,tcsh,zsh}
  chmod 755 .
  mv -T "$staging" "$target"
fi
printf '%s\n' "$init"
