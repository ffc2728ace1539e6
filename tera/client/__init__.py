"""Calling what runs elsewhere: an authority, and a library service, over HTTP. `Library` is the service's client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tera.client.library import Library

__all__ = ["Library"]


def __getattr__(name: str) -> Any:
    if name != "Library":
        raise AttributeError(f"module 'tera.client' has no attribute {name!r}")
    from tera.client.library import Library

    globals()[name] = Library
    return Library
