"""Idempotency-Key over HTTP: its scope, and what a request is recognized by.

The law of this file: a request is what it asks for, not how it was written: of a multipart the canonical manifest,
without a password, and each part's name and digest, since boundaries are random.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from starlette.responses import JSONResponse

from tera.catalog.answers import Scope
from tera.errors import BadInput
from tera.library.once import Done
from tera.library.seal import Part
from tera.policy.manifest import read_manifest
from tera.service.forms import Form
from tera.service.who import Who

_NAME: Final = re.compile(r"[\x21-\x7e]{1,255}")


async def scope_of(
    request: Request, who: Who, name: Annotated[str | None, Header(alias="Idempotency-Key")] = None
) -> Scope | None:
    """Return what the request's Idempotency-Key is one for; None without one. Raises BadInput."""
    if name is None:
        return None
    if not _NAME.fullmatch(name):
        raise BadInput("Idempotency-Key is not 1 to 255 printable characters of ASCII, without spaces")
    path = request.scope["path"].split("/", 3)[-1]
    return Scope(who.key.id, request.method, f"/{path}", name)


Once = Annotated[Scope | None, Depends(scope_of)]
"""What a handler asks for whose work is done once."""


def answer(done: Done, status: int = 200) -> JSONResponse:
    """Return the response; one that was given before says so."""
    return JSONResponse(done.body, status, headers={"Idempotency-Replayed": "true"} if done.again else None)


class FormPrint:
    """What a form is recognized by, once its parts have been taken."""

    def __init__(self, form: Form, owner: str) -> None:
        self._form, self._owner = form, owner
        self._parts: list[tuple[str, str | None, Any]] = []
        self.form = replace(form, parts=self._taken())

    def _taken(self) -> Iterator[Part]:
        for part in self._form.parts:
            digest = hashlib.sha256()
            self._parts.append((part.name, part.mime, digest))
            yield replace(part, content=hashed(part.content, digest))

    def drain(self) -> bytes:
        """Take what is left, and return the fingerprint."""
        for part in self.form.parts:
            for _ in part.content:
                pass
        return self.digest()

    def digest(self) -> bytes:
        """Return the fingerprint."""
        manifest = json.loads(read_manifest(self._form.manifest, owner=self._owner).text)
        return fingerprint(manifest, [(name, mime, digest.hexdigest()) for name, mime, digest in self._parts])


def hashed(content: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    """Yield content, hashing it on its way."""
    for piece in content:
        digest.update(piece)
        yield piece


def fingerprint(*values: Any) -> bytes:
    """Return what JSON values are recognized by."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).digest()
