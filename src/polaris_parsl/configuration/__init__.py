"""From a checked request to Parsl's objects, its explanation and its job scripts."""
