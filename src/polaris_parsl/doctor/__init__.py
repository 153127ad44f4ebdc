"""Checks an install, the shell and the machine, and names the cause of each problem."""
