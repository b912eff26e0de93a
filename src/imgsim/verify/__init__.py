"""Verdicts at a proposed pair again: aligns the two images and compares what lies upon each other."""
