"""Gzipped bytes, inflated no further than is wanted."""

import zlib

_EITHER_HEADER = zlib.MAX_WBITS | 32
_BIT_OF_MORE = 4096


def inflate(data: bytes, size: int, *, whole: bool = True) -> bytes:
    """Give the first ``size`` bytes that a gzip or zlib stream holds.

    Parameters
    ----------
    data
        The stream; what follows the first ``size`` bytes is not inflated.
    whole
        Whether the stream is to end soon after them; its checksum is verified then.

    Raises
    ------
    ValueError
        If the stream is damaged, cut short, or holds fewer bytes.
    """
    inflater = zlib.decompressobj(_EITHER_HEADER)
    try:
        found = inflater.decompress(data, size)
        if whole and not inflater.eof:
            more = inflater.decompress(inflater.unconsumed_tail, _BIT_OF_MORE)
            if not inflater.eof and len(more) < _BIT_OF_MORE:
                raise ValueError("the stream is cut short")
    except zlib.error:
        raise ValueError("the stream is damaged") from None
    if whole and len(found) < size:
        raise ValueError("the stream is cut short")
    return found
