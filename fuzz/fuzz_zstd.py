"""A frame gives exactly the bytes that were asked for, or BadFrame, and never takes more memory than it may.

Three bytes say what is asked for (1 byte to 1 MiB, as in a FRAME), the rest is the frame.
"""

from __future__ import annotations

import tracemalloc

from fuzz import oracle
from spec import reference
from tera.errors import BadFrame
from tera.wire import zstd

ROOM = 64 << 10
"""What Python itself takes beside the result and the frame."""


def one_input(data: bytes) -> None:
    size, frame = int.from_bytes(data[:3], "big") % (1 << 20) + 1, data[3:]
    tracemalloc.start()
    try:
        found = oracle.tera(zstd.decompress, frame, size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= size + 2 * len(frame) + ROOM, f"{peak:,} bytes for {size:,}"
    if isinstance(found, oracle.Taken):
        assert len(found.value) == size
    else:
        assert type(found) is BadFrame, found
    if len(frame) < size:  # a longer one is no compressed FRAME
        oracle.same_verdict(found, oracle.reference(reference.open_frame, 1, size, frame))
