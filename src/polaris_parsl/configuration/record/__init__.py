"""The record of a run: what the driver writes into the run directory while Parsl runs."""
