"""Imitates Polaris on one machine: PBS, nodes, mpiexec, ssh, nvidia-smi. Standard library only."""
