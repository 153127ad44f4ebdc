"""Scripts that run on nodes."""
