"""A text is taken only if it is the one text of its prefix and bytes, and every prefix and bytes come back.

Half of the inputs are texts; the other half are a prefix and bytes, encoded, and damaged in one place.
"""

from __future__ import annotations

from fuzz import oracle
from tera.wire import bech32


def one_input(data: bytes) -> None:
    if data[:1] < b"\x80":
        _check_text(data[1:].decode(errors="replace"))
        return
    hrp, _, raw = data[1:].partition(b"\n")
    try:
        text = bech32.encode(hrp.decode("latin-1"), raw, upper=data[0] % 2 == 1)
    except ValueError:
        return
    assert bech32.decode(text) == (hrp.decode("latin-1"), raw)
    at = int.from_bytes(raw[:2], "big") % len(text)
    _check_text(text[:at] + chr(data[0] & 0x7F) + text[at + 1 :])


def _check_text(text: str) -> None:
    found = oracle.tera(bech32.decode, text)
    if isinstance(found, oracle.Taken):
        assert text in (bech32.encode(*found.value), bech32.encode(*found.value, upper=True))
