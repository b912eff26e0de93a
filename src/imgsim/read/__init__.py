"""From paths to pictures and feature rows."""
