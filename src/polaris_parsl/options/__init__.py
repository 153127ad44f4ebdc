"""What a user may ask for, who set it, and whether each value can work."""
