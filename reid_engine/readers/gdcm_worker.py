"""``python gdcm_worker.py`` decodes frames with GDCM, in a process of its own.

On a damaged frame GDCM may end the process that it runs in, and its libraries print to the terminal: neither may
happen to a server. The worker says ``b"R"`` when GDCM is there. Then, until its input ends, it takes requests and
answers them: 4 bytes with the length of a JSON description, 8 with that of the frame, both; and back 8 bytes with the
length of the decoded frame and its bytes, a length of 0 for a frame that cannot be decoded.

It imports nothing of this package, so that it starts quickly wherever it lies.
"""

import json
import struct
import sys
from typing import Any, BinaryIO

REQUEST = struct.Struct("<IQ")
REPLY = struct.Struct("<Q")
READY = b"R"


def main() -> None:
    """Answer requests until the input ends."""
    import gdcm

    for silence in (gdcm.Trace.DebugOff, gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff):
        silence()
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    replies.write(READY)
    replies.flush()
    while head := requests.read(REQUEST.size):
        length, size = REQUEST.unpack(head)
        form = json.loads(_read(requests, length))
        decoded = decode(gdcm, _read(requests, size), **form)
        replies.write(REPLY.pack(len(decoded)))
        replies.write(decoded)
        replies.flush()


def decode(
    gdcm: Any,
    data: bytes,
    *,
    rows: int,
    columns: int,
    samples: int,
    bits_allocated: int,
    bits_stored: int,
    signed: bool,
    photometric: str,
    transfer_syntax: str,
) -> bytes:
    """Decode one frame; empty when it cannot be."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(data)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(transfer_syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(samples, bits_allocated, bits_stored, bits_stored - 1, int(signed)))
    buffer = image.GetBuffer()
    return b"" if buffer is None else bytes(buffer.encode("utf-8", "surrogateescape"))


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        sys.exit(0)
    return data


if __name__ == "__main__":
    main()
