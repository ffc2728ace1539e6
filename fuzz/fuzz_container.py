"""Any change of a sealed container is refused with a TeraError, by every way of reading it."""

from __future__ import annotations

import io
import sys

import atheris

with atheris.instrument_imports():
    import tera

KEY = tera.KeyEncryptionKey(bytes(range(32)), b"fuzz")
SEALED = io.BytesIO()
tera.encode([("a", b"alpha" * 300), ("b/c", b"")], SEALED, recipients=[KEY], padding=False)
ORIGINAL = SEALED.getvalue()


def check(data: bytes) -> None:
    """One input: a list of (offset, xor) edits, then a cut."""
    provider = atheris.FuzzedDataProvider(data)
    changed = bytearray(ORIGINAL)
    for _ in range(provider.ConsumeIntInRange(0, 8)):
        changed[provider.ConsumeIntInRange(0, len(changed) - 1)] ^= provider.ConsumeIntInRange(0, 255)
    if provider.ConsumeBool():
        del changed[provider.ConsumeIntInRange(0, len(changed)) :]
    same = bytes(changed) == ORIGINAL
    try:
        with tera.open(io.BytesIO(bytes(changed)), [KEY]) as container:
            for path in container.paths:
                container.read(path)
    except tera.TeraError:
        assert not same
        return
    assert same


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
