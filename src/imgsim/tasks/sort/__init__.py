"""A folder in order of similarity."""
