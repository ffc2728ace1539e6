"""Where something is asked over HTTP, and the credential that goes there.

The law of this file: an address is configured by whoever asks, and never comes from an answer or a container. It has
TLS, or is on this machine. Of an address or a token that is none, nothing is shown: a password may be part of it.
"""

from __future__ import annotations

import http.client
import re
import ssl
from typing import Final
from urllib.parse import urlsplit

from tera.errors import BadInput

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_ADDRESS: Final = re.compile(r"[A-Za-z0-9./:\[\]_~%-]+")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,4096}=*")


class Address:
    """`https://host[:port][/path]`, or `http://` on this machine; `of` says whose, in errors. Raises BadInput."""

    def __init__(self, url: str, of: str) -> None:
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port = "", None, None
        if scheme not in ("http", "https") or not host or not _ADDRESS.fullmatch(url) or port == 0:
            raise BadInput(f"this is not the address of {of}", hint="https://host[:port][/path]")
        if scheme == "http" and host not in _LOOPBACK:
            raise BadInput(f"{host}: without TLS {of} is asked on this machine only", hint="https://...")
        self.host, self.port = host, port
        self.path = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if scheme == "https" else None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def secret(self) -> bool:
        """Whether TLS is between."""
        return self._tls is not None

    def connection(self, timeout: float) -> http.client.HTTPConnection:
        """Return a connection that is not made yet: straight there, whatever proxies the environment names."""
        if self._tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self._tls)


def check_token(token: str | None, of: str) -> None:
    """Return when a bearer token can be sent, or there is none. Raises BadInput."""
    if token is not None and not _TOKEN.fullmatch(token):
        raise BadInput(f"the {of}'s token is none: it is one word of letters, digits and -._~+/")
