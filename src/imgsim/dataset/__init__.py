"""Labelled data sets: their layouts, manifests and archives."""
