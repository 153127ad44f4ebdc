"""Records what a result was computed with, and builds it again."""
