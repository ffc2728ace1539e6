"""Places in a list, as a client carries them: opaque, and good for the list that they were made of alone.

The law of this file: a cursor is what it was when it was given, or it is refused. Its key is one of the whole
installation, so that every process takes what another gave.

    base64url(tag || JSON of the place)        tag = BLAKE2b-128(key, list || 0x00 || place)
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Final, TypeAlias

from tera.catalog import settings
from tera.crypto.kdf import equal
from tera.errors import BadInput
from tera.library.library import Library

Place: TypeAlias = "int | str"
"""Behind what a list goes on."""

_TAG: Final = 16
_NAME: Final = "cursor_key"


def cursor_key(library: Library) -> bytes:
    """Return the installation's key for cursors; the first who asks makes it."""
    with library.catalog.reading() as db:
        found = settings.get(db, _NAME)
    if found is None:
        with library.catalog.writing() as db:
            found = settings.keep(db, _NAME, library.random(32).hex())
    return bytes.fromhex(found)


def write_cursor(key: bytes, of: str, place: Place) -> str:
    """Return the cursor of a place in the list `of`."""
    packed = json.dumps(place).encode()
    return base64.urlsafe_b64encode(_tag(key, of, packed) + packed).decode().rstrip("=")


def read_cursor(key: bytes, of: str, cursor: str) -> Place:
    """Return the place of a cursor in the list `of`. Raises BadInput for one that was not made for it."""
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        data = b""
    tag, packed = data[:_TAG], data[_TAG:]
    if len(tag) != _TAG or not equal(tag, _tag(key, of, packed)):
        raise BadInput("cursor is none that was given for this list", hint="begin without one")
    found: Place = json.loads(packed)
    return found


def _tag(key: bytes, of: str, packed: bytes) -> bytes:
    return hashlib.blake2b(of.encode() + b"\0" + packed, key=key, digest_size=_TAG).digest()
