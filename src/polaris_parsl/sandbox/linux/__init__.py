"""What the sandbox asks of Linux: namespaces, processes, network, nodes."""
