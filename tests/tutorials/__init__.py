"""The tutorials of the site, repeated."""
