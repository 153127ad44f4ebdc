"""The one door to Parsl's inside: what polaris_parsl uses of Parsl that Parsl does not promise to keep.

Every private name, replaced attribute and patched table of Parsl is used in this room and nowhere
else. Each is an `Internal`: what it is for, since which release of Parsl it is as it is used here,
and which of Parsl's functions must still use it. `check_parsl_internals` looks at all of them, and
names those that a release of Parsl has changed.
"""
