"""The doctor: looks at every promise of an install on the machine at hand, and names true causes."""
