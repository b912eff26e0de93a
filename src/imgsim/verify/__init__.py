"""Verifies a proposed pair: aligns both images and compares what lies upon each other."""
