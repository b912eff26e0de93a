"""Remembers what was learned of files and pairs, by content."""
