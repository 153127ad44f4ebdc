"""What goes wrong on a real system, made in the sandbox: clients, jobs, nodes, file systems."""
