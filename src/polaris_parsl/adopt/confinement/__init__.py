"""Holds the process that reads a foreign Python file: what it can reach, and how much it can use."""
