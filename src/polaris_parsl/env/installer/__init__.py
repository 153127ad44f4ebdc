"""Building one install, from the locks and on a base."""
