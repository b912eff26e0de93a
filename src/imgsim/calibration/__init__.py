"""Thresholds of methods, chosen from labelled pictures."""
