"""Exact search for near rows, in blocks of bounded memory."""
