"""Modulefiles, the module systems that read them, and the base's module."""
