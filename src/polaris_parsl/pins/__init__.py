"""Pins: bundles that say what a result was computed with, and build it again."""
