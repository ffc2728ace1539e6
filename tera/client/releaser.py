"""The authority of a library's organisation, reached through the service, for one container.

The law of this file: it carries bytes and judges none: a release, and a denial too, is what the authority has signed.
What the service refuses without a signature is its refusal; that it does not answer is `AuthorityUnavailable`, so that
a lease is used where there is one. The same request is sent again when its answer was lost, which counts nothing
twice.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Sequence

from tera.client.transport import Bytes, Transport, reason
from tera.errors import AuthorityUnavailable, LimitExceeded, TeraError, Unavailable
from tera.release.answer import LONGEST
from tera.release.request import LONGEST as LONGEST_REQUEST

TYPE = "application/octet-stream"


class ContainerReleaser:
    """A `Releaser`. `path` is that of the service's route; `query` says for whom a delegating key asks."""

    def __init__(self, line: Transport, path: Sequence[str], query: Sequence[tuple[str, str]] = ()) -> None:
        self._line, self._path, self._query = line, tuple(path), tuple(query)

    def release(self, request: bytes) -> bytes:
        """See `Releaser`. Raises what the service refuses, AuthorityUnavailable, LimitExceeded."""
        if len(request) > LONGEST_REQUEST:
            raise LimitExceeded(f"this would take {len(request):,} bytes, an authority reads {LONGEST_REQUEST:,}")
        key = hashlib.sha256(request).hexdigest()
        why = "its answer was cut off"
        for _ in range(2):
            try:
                body = Bytes(request, TYPE)
                with self._line.ask("POST", self._path, query=self._query, body=body, key=key) as answer:
                    return answer.read(LONGEST)
            except (OSError, http.client.HTTPException) as error:
                why = reason(error)
            except Unavailable as error:
                raise self._unavailable(error) from None
        raise self._unavailable(self._line.unavailable(why))

    @staticmethod
    def _unavailable(error: TeraError) -> AuthorityUnavailable:
        return AuthorityUnavailable(str(error), hint=error.hint)
