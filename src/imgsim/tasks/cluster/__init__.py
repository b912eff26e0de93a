"""Clusters of a folder, with a map."""
