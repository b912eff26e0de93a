"""Results as text, JSON, JSON lines and CSV. Distances become scores here."""
