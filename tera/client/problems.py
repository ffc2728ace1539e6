"""What a library service refuses, as errors of the tree.

The law of this file: a code chooses the error, within what a service may say: that a local file is in the way is not
its to say. Its words are quoted as its words and bounded; what to do about it is never said in them.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from tera import errors
from tera.errors import (
    BadCredentials,
    BadInput,
    Conflict,
    Forbidden,
    InputChanged,
    InputUnavailable,
    InterruptedRewrap,
    LimitExceeded,
    NoSuchThing,
    OutputExists,
    OutputUnavailable,
    PreconditionFailed,
    RuleDenied,
    ServerUnavailable,
    TeraError,
    TooManyTries,
    Unavailable,
    UnsafeTarget,
)
from tera.policy.vocabulary import KINDS

LONGEST: Final = 64 << 10
"""Bytes of a problem that are read."""
WORDS: Final = 300
AFTER: Final = 86_400

_OURS: Final = (InputChanged, InputUnavailable, InterruptedRewrap, OutputExists, OutputUnavailable, UnsafeTarget)
CODES: Final[dict[str, type[TeraError]]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, TeraError) and not issubclass(kind, _OURS)
}
"""Every code that a service may state."""
_BY_STATUS: Final[dict[int, type[TeraError]]] = {
    400: BadInput,
    401: BadCredentials,
    403: Forbidden,
    404: NoSuchThing,
    409: Conflict,
    412: PreconditionFailed,
    413: LimitExceeded,
    416: BadInput,
    422: BadInput,
    429: TooManyTries,
}
_SECONDS: Final = re.compile("[0-9]{1,6}")


def refusal(status: int, data: bytes, after: str | None, where: str) -> TeraError:
    """Return the error of an answer that is none: `data` is its body, `after` its Retry-After."""
    found = parse_object(data)
    code = found.get("code")
    kind = CODES.get(code) if isinstance(code, str) else None
    if 400 <= status < 500:
        kind = kind if kind is not None and not issubclass(kind, Unavailable) else _BY_STATUS.get(status)
    elif kind is None or status != 503 or not issubclass(kind, Unavailable):
        kind = None
    words = _words(found)
    if kind is None:
        return ServerUnavailable(f"the library at {where} answers with status {status}{words}", hint=_hint(status))
    message = f"the library at {where} refuses it{words or f': {kind.code}'}"
    if kind is RuleDenied:
        return RuleDenied(message, rule=_rule(found.get("rule")))
    if kind is TooManyTries:
        return TooManyTries(message, after=seconds(after) or 60)
    return kind(message, hint=_HINTS.get(kind, ""))


def seconds(after: str | None) -> int | None:
    """Return the seconds of a Retry-After, a day at most; None for what has none."""
    text = (after or "").strip()
    return min(int(text), AFTER) if _SECONDS.fullmatch(text) else None


def parse_object(data: bytes) -> dict[str, Any]:
    """Return a JSON object, an empty one for what is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_HINTS: Final = {
    BadCredentials: "check the token, and whose server it is for",
    LimitExceeded: "ask whoever runs the server for more",
}


def _hint(status: int) -> str | None:
    if 300 <= status < 400:
        return "it sends elsewhere, which is not followed: name the address that answers"
    return "try again later" if status >= 500 else "check its address"


def _words(found: dict[str, Any]) -> str:
    words = found.get("detail", found.get("message"))
    if not isinstance(words, str) or not words.strip():
        return ""
    return f": {words[:WORDS]}{'...' if len(words) > WORDS else ''}"


def _rule(name: object) -> str | None:
    return name if isinstance(name, str) and name.removeprefix("entry.") in KINDS else None
