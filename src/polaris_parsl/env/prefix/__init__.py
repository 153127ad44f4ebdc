"""A prefix and the versions in it: published, announced, looked at, removed."""
