"""Networks. Everything here needs the extra `deep`; torch is imported when a network runs."""
