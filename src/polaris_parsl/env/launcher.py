"""The program bin/polaris-parsl of an install: it starts the command, or says why it cannot."""

import shlex

# It finds the install that it lies in, so that it works wherever the tree is moved or copied to.
# The base is not ours: its Python may be gone, or be another one under the same path, which
# would then not see the tools and end in a traceback.
_TEXT = """\
#!/bin/sh
# made by polaris-parsl {version}, do not edit
here=$(dirname -- "$(readlink -f -- "$0")")
root=$(dirname -- "$here")
python=$root/tools/bin/python
is=$("$python" -I -S -c 'import sys; print("Python %d.%d" % sys.version_info[:2])' 2>/dev/null)
if [ "$is" != {minor} ]; then
  printf 'error: the Python of this install, %s, is %s; it was built on %s\\n' \\
    "$(readlink -- "$python")" "${{is:-gone or does not start}}" {base} >&2
  printf '  fix: load another version (module avail polaris-parsl), or install again on a ' >&2
  printf 'Python that is there;\\n       another polaris-parsl tells more: ' >&2
  printf 'polaris-parsl verify --root %s\\n' "$root" >&2
  exit {broken}
fi
exec "$python" -I -m polaris_parsl "$@"
"""


def render_launcher(*, version: str, minor: str, base: str, broken: int) -> str:
    """The text of the program, in the shell that every system has.

    Args:
        version: of polaris-parsl.
        minor: version of the base's Python, as 3.12.
        base: the base in words.
        broken: exit code where the base is not the one that the install was built on.
    """
    return _TEXT.format(
        version=version,
        minor=shlex.quote(f"Python {minor}"),
        base=shlex.quote(base),
        broken=broken,
    )
