"""Data to try comparators on."""
