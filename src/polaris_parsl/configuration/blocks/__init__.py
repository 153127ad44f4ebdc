"""Blocks, judged by us: what PBS says of each job, what its workers show, and what follows from it."""
