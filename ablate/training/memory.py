"""Memory that a step frees is kept for the next one, so that the system does not map and clear it anew each time."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # mallopt(3), <malloc.h> of glibc


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; whether its C library can be told so (glibc can). No number changes."""
    if not sys.platform.startswith("linux"):
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is None:
        return False
    return bool(tell(_TRIM_THRESHOLD, 2**31 - 1) and tell(_MMAP_MAX, 0))
