"""Keeps the memory of one scan for the next."""

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_REUSED = 32 * 2**20
_MOST_KEPT = 256 * 2**20


def reuse_large_buffers() -> bool:
    """Let the C library keep freed buffers of up to 32 MiB, 256 MiB of them in each of its heaps.

    By default glibc asks the system for every array above 128 KiB anew, which the system fills with zeros page by
    page: for a radiograph of 2048 x 2048 pixels that takes longer than the arithmetic on it. See mallopt(3).

    Returns
    -------
    bool
        Whether it was done; only glibc has these settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_REUSED), (_M_TRIM_THRESHOLD, _MOST_KEPT))
    return all(mallopt(name, value) == 1 for name, value in settings)
