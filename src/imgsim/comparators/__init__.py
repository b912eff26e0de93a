"""Comparators: the contracts, the registry, and one module per family."""
