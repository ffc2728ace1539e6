"""Whatever `unpack` takes packs to the same bytes, the reference takes the same, and all else is a TeraError."""

from __future__ import annotations

from fuzz import oracle
from spec import reference
from tera.wire import canonical


def one_input(data: bytes) -> None:
    found = oracle.tera(canonical.unpack, data, what="a value", max_len=1 << 20)
    other = oracle.reference(reference.unpack, data)
    oracle.same_verdict(found, other)
    if isinstance(found, oracle.Taken) and isinstance(other, oracle.Taken):
        assert canonical.pack(found.value) == data
        assert found.value == other.value
