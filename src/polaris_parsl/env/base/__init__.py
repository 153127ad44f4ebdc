"""The base that an install stands on: what it is, and how it has changed."""
