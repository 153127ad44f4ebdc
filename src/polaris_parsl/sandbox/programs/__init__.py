"""Programs that run on the sandbox's nodes in place of the real ones."""
