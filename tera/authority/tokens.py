"""Bearer tokens of viewers, for callers that do not sign: kept as hashes, one a line.

    <64 hexadecimal digits: SHA-256 of the token> <viewer>

The law of this file: a token is 32 random bytes, so its plain hash gives nothing away; it is said once, when it is
made. The file is read for every caller: a line that was taken out counts from the next request on. A file that
cannot be read, or holds anything else, lets nobody in.
"""

from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path
from typing import Final

from tera.crypto.hashes import sha256
from tera.crypto.random import Random, system
from tera.errors import StateUnavailable, TeraError
from tera.policy.people import read_viewer

LENGTH: Final = 32
_LIMIT: Final = 1 << 20


def new_token(viewer: str, random: Random = system) -> tuple[str, str]:
    """Return a token for a viewer, and the line by which it is known. Raises BadInput for what is no address."""
    token = base64.urlsafe_b64encode(random(LENGTH)).decode().rstrip("=")
    return token, f"{_hash(token)} {read_viewer(viewer)}\n"


class TokenFile:
    """The file; it is there. Raises StateUnavailable when it is not, or is none."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lines()

    def viewer_of(self, token: str) -> str | None:
        """Return whose token this is, None for nobody's; all are compared. Raises StateUnavailable."""
        asked, found = _hash(token), None
        for known, viewer in self._lines():
            if hmac.compare_digest(asked, known):
                found = viewer
        return found

    def _lines(self) -> list[tuple[str, str]]:
        try:
            with open(self._path, "rb") as file:
                data = file.read(_LIMIT + 1)
        except OSError as error:
            raise StateUnavailable(f"{self._path}: {error.strerror or error}") from None
        if len(data) > _LIMIT:
            raise StateUnavailable(f"{self._path}: over {_LIMIT:,} bytes, which is too much for tokens")
        lines = enumerate(data.decode("utf-8", "replace").splitlines(), 1)
        return [self._line(number, text) for number, text in lines if text.strip() and not text.startswith("#")]

    def _line(self, number: int, text: str) -> tuple[str, str]:
        digits, _, viewer = text.strip().partition(" ")
        try:
            if len(digits) == 64 and not digits.strip("0123456789abcdef") and read_viewer(viewer) == viewer:
                return digits, viewer
        except TeraError:
            pass
        raise StateUnavailable(
            f"{self._path}:{number}: this is no line of a token", hint="`tera authority token` writes them"
        )


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hex()
