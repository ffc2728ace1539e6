"""The library service that a verb speaks to: where it is, and the token that goes there.

    --server URL          $TERA_SERVER           [server] url            in the configuration
    --token-file FILE     $TERA_TOKEN_FILE       [server] token_file

The law of this file: the first of each line that is given counts; but a token is sent only to the server that it was
named with, or one that was named without any. A token is in a file, and never in an argument, an error or a message.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tera.cli.inputs import read_file
from tera.cli.options import FILE

if TYPE_CHECKING:
    from tera.cli.config import Asking
    from tera.client.library import Library

_TOKEN: Final = 4_096
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Server:
    """The server that the options name, if they name one."""

    url: str | None
    token_file: str | None

    def connect(self, asking: Asking) -> Library:
        """Return the library, which is not asked yet. Raises UsageError, BadInput, InputUnavailable."""
        url, file = self._chosen(asking)
        token = read_file(file, _TOKEN, "a token").decode("ascii", "replace").strip()
        from tera.client.library import Library

        return Library(url, token)

    def _chosen(self, asking: Asking) -> tuple[str, str]:
        ours, kept = asking.server()
        told, lent = os.environ.get("TERA_SERVER") or None, os.environ.get("TERA_TOKEN_FILE") or None
        url = self.url or told or ours
        if url is None:
            raise click.UsageError("no library: name one with --server, $TERA_SERVER, or [server] in the configuration")
        if self.token_file is not None:
            return url, self.token_file
        for file, place in ((lent, told), (kept, ours)):
            if file is not None and (place is None or _same(place, url)):
                return url, file
        raise click.UsageError(
            "no token for this server: name its file with --token-file"
            + (" (those at hand are for another one)" if lent or kept else ", or $TERA_TOKEN_FILE")
        )


def server_options(function: _F) -> _F:
    """Add `--server` and `--token-file`; the verb gets `server`, a `Server`."""

    @functools.wraps(function)
    def gathered(*args: Any, server_url: str | None, token_file: str | None, **others: Any) -> Any:
        return function(*args, server=Server(server_url, token_file), **others)

    file = click.option("--token-file", metavar="FILE", type=FILE, help="Its token. Default: $TERA_TOKEN_FILE.")
    url = click.option("--server", "server_url", metavar="URL", help="The library. Default: $TERA_SERVER.")
    return url(file(gathered))  # type: ignore[return-value]


def _same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")
