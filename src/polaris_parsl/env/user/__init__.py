"""What users make for themselves on top of an install."""
