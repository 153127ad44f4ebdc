"""PBS's own words: directives, queue listings, walltimes."""
