"""A prefix and the versions in it: published, verified, removed, and their modulefiles."""
