"""Removing duplicates so that nothing is lost: plans, carrying them out, and taking that back."""
