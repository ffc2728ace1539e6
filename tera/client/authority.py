"""An authority that is reached over HTTP.

The law of this file: it carries bytes and judges none; who the authority is, its signature says. The same request
is sent again when its answer was lost, which counts nothing twice. The credential goes to the configured address
only: no redirection is followed.
"""

from __future__ import annotations

import http.client
import json
import time
from typing import Any, Final
from urllib.parse import urlsplit

from tera import errors
from tera.errors import AuthorityUnavailable, BadInput, TeraError
from tera.release.answer import LONGEST

PATH: Final = "/v1/"
TYPE: Final = "application/octet-stream"
TRIES: Final = 3
PAUSE: Final = 0.2
"""Seconds before the first repetition; twice as many before the next."""

_CODES: Final[dict[str, type[TeraError]]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TeraError)
}


class HttpAuthority:
    """A `Releaser`. `url` is `https://host[:port][/path]`, or `http://` on this machine; `token` a bearer token.

    `timeout` is in seconds, for each step of one try. Raises BadInput for an address that is none.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 10.0) -> None:
        parts = urlsplit(url)
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
            raise BadInput(f"{url[:200]!r} is not the address of an authority", hint="https://host[:port][/path]")
        if parts.scheme == "http" and host not in ("127.0.0.1", "::1", "localhost"):
            raise BadInput(f"{url[:200]!r}: without TLS an authority is asked on this machine only", hint="https://...")
        self._make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = host, port
        self._base = parts.path.rstrip("/") + PATH
        self._token = token
        self._timeout = timeout

    def release(self, request: bytes) -> bytes:
        """See `Releaser`. Raises AuthorityUnavailable, and what the authority refuses without an answer."""
        return self._call("POST", "release", request)

    def update(self, front: bytes) -> int:
        """Bring a container's policy; return the version that counts there."""
        return int(self._json("POST", "policy", front)["version"])

    def report(self, message: bytes) -> int:
        """Bring a device's report; return how many of its events are on record."""
        return int(self._json("POST", "report", message)["recorded"])

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint of the log."""
        return self._call("GET", "checkpoint", None)

    def _json(self, method: str, name: str, body: bytes | None) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._call(method, name, body))
        except ValueError:
            raise self._unavailable("it answers with something else than JSON") from None
        return found

    def _call(self, method: str, name: str, body: bytes | None) -> bytes:
        for attempt in range(TRIES):
            try:
                status, data = self._once(method, name, body)
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            else:
                if status == 200:
                    return data
                if status < 500:
                    raise self._refusal(status, data)
                reason = f"status {status}"
            if attempt + 1 < TRIES:
                time.sleep(PAUSE * 2**attempt)
        raise self._unavailable(reason)

    def _once(self, method: str, name: str, body: bytes | None) -> tuple[int, bytes]:
        connection = self._make(self._host, self._port, timeout=self._timeout)
        try:
            headers = {"Content-Type": TYPE} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
            connection.request(method, self._base + name, body, headers)
            response = connection.getresponse()
            data = response.read(LONGEST + 1)
            if len(data) > LONGEST:
                raise http.client.HTTPException("its answer is too long")
            return response.status, data
        finally:
            connection.close()

    def _refusal(self, status: int, data: bytes) -> TeraError:
        """Return the error that the authority states; none of its words are taken for more than words."""
        try:
            stated = json.loads(data)
            kind = _CODES[stated["code"]]
            message = str(stated["message"])[:500]
        except (ValueError, KeyError, TypeError):
            return self._unavailable(f"status {status}")
        return kind(f"the authority says: {message}")

    def _unavailable(self, reason: str) -> AuthorityUnavailable:
        where = f"{self._host}:{self._port}" if self._port else self._host
        return AuthorityUnavailable(
            f"the authority at {where} does not answer: {reason}",
            hint="try again; or check its url in the configuration",
        )
