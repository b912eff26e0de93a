"""Near duplicates across the splits of a data set."""
