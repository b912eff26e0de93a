"""Measures how the members of a group differ, for their roles and for the keep rules."""
