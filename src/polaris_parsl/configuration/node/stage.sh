#!/bin/sh
# Run a command with its interpreter and modules on the node's own disk:
#   stage.sh ARCHIVE DIGEST PLACES PYTHON START IMAGE -- COMMAND...
# ARCHIVE is unpacked into the first of PLACES, DIRECTORY=KIB with colons, that has so much room; once
# on a node, whatever runs there. It may be several archives, one behind the other. In COMMAND, the local files replace PYTHON, START and IMAGE. When the
# last command on the node has ended, the files are removed. Where something fails, COMMAND runs as it is.
# POLARIS_PARSL_BLOCK_NODES names the nodes of the block: the first reads ARCHIVE, others get it from another, or
# know at once that it has none.
set -u
# the PATH of tasks may lead over shared directories
path=$PATH
PATH=/usr/bin:/bin:$PATH
run() {
  PATH=$path
  exec "$@"
}
archive=$1 digest=$2 places=$3 python=$4 start=$5 image=$6
shift 7
fanout=4 patience=20 serving=60 port=$((20000 + $(printf '%d' "0x$(printf '%.4s' "$digest")") % 20000))

# serve PYTHON SERVE FILE: hand a file on to the nodes that wait for this one, then remove it; '' is none.
serve() {
  {
    [ "$children" -le 0 ] || "$1" -I -S "$2" "$port" "$3" "$children" "$serving"
    [ -z "$3" ] || rm -f "$3"
  } </dev/null >/dev/null 2>&1 8>&- 9>&- &
}

# give_up WHY COMMAND...
give_up() {
  printf 'polaris_parsl on %s: workers start from the shared file system: %s\n' "$(uname -n)" "$1" >&2
  shift
  serve "$python" "${start%/*}/serve.py" ''
  run "$@"
}

choose() {
  for each in $(printf '%s' "$places" | tr ':' ' '); do
    place=${each%=*}
    [ -d "$place" ] && [ -w "$place" ] || continue
    free=$(df -Pk "$place" 2>/dev/null | {
      read -r _
      read -r _ _ _ free _
      echo "${free:-0}"
    })
    [ "${free:-0}" -lt "${each##*=}" ] || {
      echo "$place"
      return
    }
  done
}

# The tree over the nodes, over all of which the shared file system is read once: what this one gets the archive from,
# and how many get it from here.
find_place() {
  here=$(uname -n) count=0 number='' parent='' children=0
  for node in ${POLARIS_PARSL_BLOCK_NODES:-}; do
    [ "${node%%.*}" = "${here%%.*}" ] && number=$count
    count=$((count + 1))
  done
  [ -n "$number" ] || return 0
  children=$((count - 1 - fanout * number)) count=0
  [ "$children" -ge 0 ] || children=0
  [ "$children" -le "$fanout" ] || children=$fanout
  for node in $POLARIS_PARSL_BLOCK_NODES; do
    [ "$number" -gt 0 ] && [ "$count" -eq "$(((number - 1) / fanout))" ] && parent=$node
    count=$((count + 1))
  done
}

receive() {
  [ -n "$parent" ] || return 1
  # a shell looks at its directory when it starts, and the job's is shared: all nodes that wait would ask for it
  (
    cd "$folder" && unset OLDPWD || exit 1
    tries=$((patience * 5))
    while [ "$tries" -gt 0 ]; do
      if bash -c 'exec 3<>"/dev/tcp/$0/$1" && cat <&3 >"$2"' "$parent" "$port" "$1" 2>/dev/null; then
        # nothing comes from a node that has no archive itself
        [ -s "$1" ]
        exit
      fi
      tries=$((tries - 1))
      sleep 0.2
    done
    exit 1
  )
}

is_whole() { [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$digest" ]; }

unpack() {
  file=$tree.tar.gz
  rm -rf "$tree.part" "$file"
  if ! { receive "$file" && is_whole "$file"; }; then
    cat "$archive" >"$file" && is_whole "$file" || return 1
  fi
  mkdir "$tree.part" && tar -xzif "$file" -C "$tree.part" && mv "$tree.part" "$tree" || return 1
  for local in "$tree"/bin/python*; do :; done
  serve "$local" "$tree/serve.py" "$file"
  # waits for the end of all that use the files, also of those that are killed
  setsid flock -x "$tree.use" rm -rf "$tree" "$tree.tar.gz" "$tree.unpack" "$tree.use" \
    </dev/null >/dev/null 2>&1 8>&- 9>&- &
}

find_place
[ -n "${POLARIS_PARSL_IDENTITY:-}" ] || give_up 'the base is another than that of the install' "$@"
for each in flock tar gzip sha256sum setsid; do
  command -v "$each" >/dev/null || give_up "there is no $each" "$@"
done
place=$(choose)
[ -n "$place" ] || give_up "no room in $places" "$@"
folder=$place/polaris-parsl-$(id -u)
(umask 077 && mkdir -p "$folder") 2>/dev/null
[ ! -L "$folder" ] && [ "$(stat -c %u "$folder" 2>/dev/null)" = "$(id -u)" ] ||
  give_up "$folder cannot be used" "$@"
# what a killed node has left
for each in "$folder"/*.use; do
  left=${each%.use}
  [ ! -e "$each" ] || flock -xn "$each" rm -rf "$left" "$left.part" "$left.tar.gz" "$left.unpack" "$each"
done
tree=$folder/$(printf '%.16s' "$digest")
# a redirection that fails would end the shell
(: >>"$tree.use" && : >>"$tree.unpack") 2>/dev/null || give_up "$folder cannot be written" "$@"
while :; do
  exec 9>>"$tree.use"
  flock -s 9 || give_up "cannot lock $tree.use" "$@"
  [ /dev/fd/9 -ef "$tree.use" ] && break
done
exec 8>>"$tree.unpack"
flock -x 8
if [ -d "$tree" ]; then
  serve "$python" "${start%/*}/serve.py" ''
elif ! unpack; then
  exec 8>&- 9>&-
  give_up "$archive cannot be unpacked into $folder" "$@"
fi
exec 8>&-
for local in "$tree"/bin/python*; do :; done
count=$#
while [ "$count" -gt 0 ]; do
  word=$1
  shift
  case $word in
    "$python") word=$local ;;
    "$start") word=$tree/start.py ;;
    "$image") word=$tree/workers.image ;;
  esac
  set -- "$@" "$word"
  count=$((count - 1))
done
run "$@"
