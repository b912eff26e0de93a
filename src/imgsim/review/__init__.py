"""The page on which a person decides: its state, what it shows, and the server on this machine."""
