"""The locks: read, solved from what a human chose, checked, compared."""
