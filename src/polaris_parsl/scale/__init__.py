"""What the start of a block asks of shared file systems, predicted from counts for any number of nodes."""
