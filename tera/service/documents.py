"""JSON bodies: bounded, one object, nothing in it guessed.

The law of this file: a body is in memory whole, so it is short. A name that comes twice and half a character are
refused, since two readers would read two things.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request

from tera.errors import BadInput, LimitExceeded
from tera.policy.document import Object, check_plain, parse_json

LONGEST: Final = 1 << 20
"""Bytes."""


async def read_body(request: Request, longest: int = LONGEST) -> bytes:
    """Return a short body. Raises LimitExceeded."""
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > longest:
            raise LimitExceeded(f"a body has at most {longest:,} bytes here")
    return bytes(found)


def read_object(body: bytes) -> dict[str, Any]:
    """Return the one JSON object of a body; nothing for an empty body. Raises BadInput."""
    if not body.strip():
        return {}
    try:
        found = parse_json(body)
        check_plain(found, "body")
    except BadInput as error:
        words = str(error).replace("the manifest", "the body").replace("the rule body", "the body")
        raise BadInput(words, hint=error.hint) from None
    if not isinstance(found, Object):
        raise BadInput("the body is not a JSON object")
    return found
