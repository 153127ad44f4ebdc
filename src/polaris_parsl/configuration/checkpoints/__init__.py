"""Checkpoints: results of tasks, written when a task ends and found again by later runs.

A run writes RUN/checkpoint/tasks.pkl in Parsl's format, and beside it tasks.index, by which later
runs look results up one by one. docs/checkpoints.md says what a result is found by, and what is not seen.
"""
