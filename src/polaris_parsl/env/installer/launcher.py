"""The program bin/polaris-parsl of an install: it starts the command, or prints why it cannot."""

import shlex

from polaris_parsl.env.installer.tools_archive import ARCHIVE_OF_TOOLS
from polaris_parsl.errors import ExitCode
from polaris_parsl.installs import OVERLAY, TOOLS
from polaris_parsl.version import SAID

# It finds the install that it lies in, so that it works wherever the tree is moved or copied to.
# The base is not ours: its Python may be gone, or be another one under the same path, which
# would then not see the tools and end in a traceback. Not one process more than is needed: where
# a user may start no more of them, the command still starts, and can say so. So Python is started twice
# only for verbs that work for a while, and must get the signals that are meant for the command.
_TEXT = """\
#!/bin/sh
# made by polaris-parsl {version}, do not edit
self=$(readlink -f -- "$0")
root=${{self%/bin/*}}

# Builds this version again, from the source that lies in it, by the first python3 on PATH.
rebase() {{
  tree=$(mktemp -d) && mkdir "$tree/src" || exit
  trap 'chmod -R u+w "$tree"; rm -rf "$tree"' EXIT
  cp -R "$root"/{overlay}/lib/python3.*/site-packages/polaris_parsl "$tree/src/" || exit
  chmod -R u+w "$tree" && mv "$tree/src/polaris_parsl/_dist"/* "$tree/" || exit
  rmdir "$tree/src/polaris_parsl/_dist" || exit
  python3 -I "$tree/scripts/bootstrap.py" "$@" --root "$root"
  exit
}}

python=$root/{tools}/bin/python
case "${{1-}}" in
-h | --help | --version | version | list)
  # what ends at once needs no look at the base before: it says itself that it was this Python's
  # and it needs nothing that Python looks for at its start: a look at site-packages costs as much as the answer
  "$python" -I -S -B -c 'import sys
minor, root = sys.argv[1:3]
del sys.argv[1:3]
if minor == "Python %d.%d" % sys.version_info[:2]:
    sys.prefix = sys.exec_prefix = root + "/{tools}"
    site = "/lib/python%d.%d/site-packages" % sys.version_info[:2]
    sys.path += [root + "/{overlay}" + site, sys.prefix + site]
    from polaris_parsl.cli import start
    start.main_of_launcher(sys.prefix + site + "/{archive}")' {minor} "$root" "$@" 2>&3
  code=$?
  [ "$code" -lt {said} ] || [ "$code" -gt {last} ] || exit $((code - {said}))
  ;;
esac 3>&2 2>/dev/null
is=$("$python" -I -S -B -c 'import sys; print("Python %d.%d" % sys.version_info[:2])' 2>/dev/null)
if [ "$is" != {minor} ]; then
  lost=$(readlink -- "$python" || printf '%s' "$python")
  if [ -e "$lost" ]; then
    problem="$lost, the Python of this install, is ${{is:-one that does not start}}"
  elif [ "$lost" = "$python" ]; then
    problem="this install is damaged: there is no $python"
  else
    # the highest directory that is missing says most
    while parent=${{lost%/*}} && [ -n "$parent" ] && [ ! -e "$parent" ]; do lost=$parent; done
    problem="the base of this install is gone: there is no $lost"
  fi
  [ "${{1-}}" != rebase ] || rebase "$@"
  printf 'error: %s; it was built on %s\\n' "$problem" {base} >&2
  printf '  fix: load another version (module avail polaris-parsl), or build this one again on a ' >&2
  printf 'Python\\n       of its own: "%s" rebase --base locked;\\n' "$self" >&2
  printf '       another install, or a source tree, tells more: ' >&2
  printf 'polaris-parsl doctor --root "%s",\\n       or python3 -I scripts/bootstrap.py ' "$root" >&2
  printf 'doctor --root "%s"\\n' "$root" >&2
  [ "${{1-}}" != doctor ] || exit {problems}
  exit {broken}
fi
exec "$python" -I -B -m polaris_parsl "$@"
"""


def render_launcher(*, version: str, minor: str, base: str, broken: int, problems: int) -> str:
    """The text of the program, in the shell that every system has.

    Args:
        version: of polaris-parsl.
        minor: version of the base's Python, as 3.12.
        base: description of the base.
        broken: exit code where the base is not the one that the install was built on.
        problems: the same for `polaris-parsl doctor`.
    """
    return _TEXT.format(
        version=version,
        said=SAID,
        last=SAID + max(ExitCode),
        minor=shlex.quote(f"Python {minor}"),
        base=shlex.quote(base),
        broken=broken,
        problems=problems,
        tools=TOOLS,
        overlay=OVERLAY,
        archive=ARCHIVE_OF_TOOLS,
    )
