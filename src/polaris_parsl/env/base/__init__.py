"""The base that an install depends on: what it is, and how it has changed."""
