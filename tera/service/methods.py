"""Which methods a path has: what a 405 says under `Allow`.

The law of this file: it asks the routes themselves, so that it cannot be out of step with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

_METHODS: Final = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def allowed(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """Return the methods that the path of `scope` has, as `Allow` lists them."""
    bare = {key: value for key, value in scope.items() if key not in ("endpoint", "path_params", "route")}
    return ", ".join(
        method
        for method in _METHODS
        if any(route.matches({**bare, "method": method})[0] == Match.FULL for route in routes)
    )
