"""An authority that is reached over HTTP.

The law of this file: it carries bytes and judges none; who the authority is, its signature says. What is not signed
is nobody's word: of a refusal one of a few codes is taken, of a failure nothing. The same request is sent again when
its answer was lost, which counts nothing twice. The credential goes to the configured address only, and into no
message: no redirection is followed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from typing import Any, Final

from tera import errors
from tera.client.address import Address, check_token
from tera.errors import AuthorityUnavailable, LimitExceeded, TeraError
from tera.release.answer import LONGEST
from tera.release.request import LONGEST as LONGEST_REQUEST

PATH: Final = "/v1/"
TYPE: Final = "application/octet-stream"
TRIES: Final = 3
PAUSE: Final = 0.2
"""Seconds before the first repetition; twice as many before the next."""

_COUNT_MAX: Final = 2**63 - 1

_FRONT: Final = "truncated not_tera unsupported_version bad_section bad_core unknown_feature bad_policy"
_POLICY: Final = "policy_unsigned policy_signer policy_signature policy_swapped policy_rollback policy_expired"
_REQUEST: Final = "limit_exceeded not_canonical bad_request wrong_authority request_signature"
_STATED: Final = {
    "release": f"{_REQUEST} {_FRONT} unknown_viewer".split(),
    "policy": f"{_REQUEST} {_FRONT} {_POLICY}".split(),
    "report": _REQUEST.split(),
    "checkpoint": [],
}
"""What may be refused without a signature (spec/release.md, steps 1 to 4): never a rule, a block or a key."""
_CODES: Final[dict[str, type[TeraError]]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TeraError)
}


class HttpAuthority:
    """A `Releaser`. `url` is `https://host[:port][/path]`, or `http://` on this machine; `token` a bearer token.

    `timeout` is in seconds, for one try. Raises BadInput for an address, or a token, that is none.
    """

    def __init__(self, url: str, *, token: str | None = None, timeout: float = 10.0) -> None:
        self._address = Address(url, "an authority")
        check_token(token, "authority")
        self._base = self._address.path + PATH
        self._token = token
        self._timeout = timeout

    def release(self, request: bytes) -> bytes:
        """See `Releaser`. Raises AuthorityUnavailable, and what the authority refuses without an answer."""
        return self._call("release", request)

    def update(self, front: bytes) -> int:
        """Bring a container's policy; return the version that counts there."""
        return self._number("policy", front, "version")

    def report(self, message: bytes) -> int:
        """Bring a device's report; return how many of its events are on record."""
        return self._number("report", message, "recorded")

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint of the log."""
        return self._call("checkpoint", None)

    def _number(self, name: str, body: bytes, key: str) -> int:
        found = _json(self._call(name, body)).get(key)
        if type(found) is not int or not 0 <= found <= _COUNT_MAX:
            raise self._unavailable("its answer is not understood")
        return found

    def _call(self, name: str, body: bytes | None) -> bytes:
        if body is not None and len(body) > LONGEST_REQUEST:
            raise LimitExceeded(
                f"this would take {len(body):,} bytes, an authority reads {LONGEST_REQUEST:,}",
                hint="fewer or shorter rules; it is what stands before the recipients that is sent",
            )
        reason = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                status, data = self._once(name, body)
            except (OSError, http.client.HTTPException) as error:
                reason = _reason(error)
                continue
            if status == 200:
                return data
            reason = f"it answers with status {status}"
            if status < 500:
                raise self._refusal(name, status, data)
        raise self._unavailable(reason)

    def _once(self, name: str, body: bytes | None) -> tuple[int, bytes]:
        """Ask once, in `timeout` seconds altogether: an answer that comes drop by drop is cut."""
        connection = self._address.connection(self._timeout)
        try:
            connection.connect()
            line = connection.sock
            assert line is not None
            alarm = threading.Timer(self._timeout, _cut, [line])
            alarm.daemon = True
            alarm.start()
            try:
                headers = {"Content-Type": TYPE} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
                connection.request("GET" if body is None else "POST", self._base + name, body, headers)
                return self._read(connection.getresponse())
            finally:
                alarm.cancel()
        finally:
            connection.close()

    @staticmethod
    def _read(response: http.client.HTTPResponse) -> tuple[int, bytes]:
        """Return an answer that is there to its end: one that was cut off is a lost one, and asked for again."""
        if response.length is None and not response.chunked:
            raise http.client.IncompleteRead(b"")
        data = response.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise _TooLong
        if response.length:
            raise http.client.IncompleteRead(b"")
        return response.status, data

    def _refusal(self, name: str, status: int, data: bytes) -> TeraError:
        """Return the error whose code the authority states, in our own words; or that it does not answer."""
        code = _json(data).get("code") if status >= 400 else None
        if not isinstance(code, str) or code not in _STATED[name]:
            return self._unavailable(f"it answers with status {status}")
        return _CODES[code](f"the authority at {self._address} refuses it: {code}")

    def _unavailable(self, reason: str) -> AuthorityUnavailable:
        return AuthorityUnavailable(
            f"the authority at {self._address} gives no answer: {reason}",
            hint="try again; or check its url and token in the configuration",
        )


class _TooLong(http.client.HTTPException):
    """An answer that is longer than any."""


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # below TLS, which another thread is reading


def _reason(error: Exception) -> str:
    """Return what happened in our words or the system's, never in those of who answered."""
    match error:
        case TimeoutError():
            return "it takes too long"
        case _TooLong():
            return "its answer is too long"
        case http.client.IncompleteRead() | http.client.RemoteDisconnected() | ConnectionError():
            return (isinstance(error, ConnectionError) and error.strerror) or "its answer was cut off"
        case OSError():
            return error.strerror or "the connection fails"
    return "what answers there does not speak HTTP"


def _json(data: bytes) -> dict[str, Any]:
    """Return an object, an empty one for what is none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
