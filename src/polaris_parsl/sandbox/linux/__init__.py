"""How the sandbox uses Linux: namespaces, processes, network, nodes."""
