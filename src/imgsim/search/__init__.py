"""Exact neighbour search over feature rows, in blocks of bounded memory."""
