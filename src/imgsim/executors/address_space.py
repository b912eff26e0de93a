"""What the system lets a process have of addresses (``ulimit -v``)."""

from __future__ import annotations

_AMPLE = 1_500_000_000
"""Bytes. Libraries take 300 MB of addresses; the rest is for pixels."""


def tight_address_limit() -> int:
    """Return the bytes of addresses that this process may have; 0 if these are ample."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return 0 if limit == resource.RLIM_INFINITY or limit >= _AMPLE else limit


def limit_in_words(limit: int) -> str:
    """Say what the limit is, and who sets it."""
    return f"the system lets a process have {limit / 1e6:.0f} MB of addresses (ulimit -v)"
