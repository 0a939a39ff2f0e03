"""Memory that goes back to the system once it is free."""

from __future__ import annotations

import ctypes
import logging

log = logging.getLogger(__name__)

# Pillow takes the pixels of a large picture in pieces of 16 MB.
_LARGE_BYTES = 8 * 1024**2
_M_MMAP_THRESHOLD = -3  # of malloc.h


def give_back_large_blocks() -> None:
    """For this process: what is large is taken from the system by itself, and given back when it is freed.

    glibc begins so, but after the first such block it keeps blocks of that size in its heap, between others
    that are still in use: 24 pictures that were long gone held 300 MB. Other systems have no such word.
    """
    try:
        if not ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES):
            log.info("the threshold of large blocks could not be set")
    except (AttributeError, OSError, TypeError) as error:
        log.info("no threshold of large blocks: %s", error)
