"""Asked twice, done once: what was answered under an Idempotency-Key is answered again, for a day.

The law of this file: the row comes before the work, the answer after it; who asks while the work is under way, or
asks for something else under the same key, is told so and changes nothing. Work that failed was not done, and may be
tried again. No secret is kept: neither in the answer nor in what the request is recognized by.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tera.catalog import answers
from tera.catalog.answers import Scope
from tera.errors import Conflict
from tera.library.library import Library, Principal

KEEP: Final = 86_400
"""Seconds for which an answer is given again."""
UNDER_WAY: Final = 3_600
"""Seconds after which work that nobody ended is taken for dead."""


@dataclass(frozen=True, slots=True)
class Done:
    """What is answered; `again` if it was answered before."""

    body: Any
    again: bool = False


def once(
    library: Library,
    principal: Principal,
    scope: Scope | None,
    *,
    do: Callable[[], tuple[Any, bytes]],
    read: Callable[[], bytes],
    keep: Callable[[Any], Any] = lambda body: body,
) -> Done:
    """Do it, unless it was done under this scope; without a scope, do it.

    `do` returns the answer (JSON) and the request's fingerprint, `read` the fingerprint alone, without doing
    anything; `keep` says what of an answer may be kept. Raises Conflict, and what `do` and `read` do.
    """
    if scope is None:
        return Done(do()[0])
    now = library.now()
    with library.catalog.writing(principal.org.id) as db:
        found = answers.get(db, scope)
        if found is None or found.created_at <= now - (KEEP if found.status is not None else UNDER_WAY):
            found = None
            answers.expire(db, now - KEEP)
            answers.begin(db, scope, now)
    if found is not None and found.status is None:
        raise Conflict("a request with this Idempotency-Key is under way", hint="ask again when it has ended")
    if found is not None:
        if read() != found.fingerprint:
            raise Conflict("another request had this Idempotency-Key", hint="a new request has a new key")
        return Done(json.loads(found.body or "null"), again=True)
    try:
        body, fingerprint = do()
    except BaseException:
        with library.catalog.writing(principal.org.id) as db:
            answers.forget(db, scope, now)
        raise
    with library.catalog.writing(principal.org.id) as db:
        answers.finish(db, scope, now, fingerprint, 200, json.dumps(keep(body)))
    return Done(body)
