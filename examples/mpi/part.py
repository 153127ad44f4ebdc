"""Stands for an MPI program of yours: each rank integrates its part of 4 / (1 + x * x) from 0 to 1.

It takes its rank from the environment, and needs no mpi4py. A real program would add up the parts
with MPI_Reduce; here each rank prints its own.
"""

import os
import socket
import sys


def main() -> None:
    """Print the part, the node and the GPU of this rank."""
    rank, ranks = int(os.environ["PMI_RANK"]), int(os.environ["PMI_SIZE"])
    steps = int(sys.argv[1])
    part = sum(4 / (1 + ((step + 0.5) / steps) ** 2) for step in range(rank, steps, ranks)) / steps
    print(part, socket.gethostname(), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)


if __name__ == "__main__":
    main()
