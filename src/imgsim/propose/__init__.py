"""Pairs of pictures that are worth verifying."""
