"""What is known about Polaris, with sources: polaris.toml, its schema, and what reads it."""
