"""How a target asks whether something is taken: by tera, and by the reader that was written from the text.

The law of this file: a refusal is a `TeraError` (a `Refused` of the reference); whatever else is raised is a
finding and goes on up to the fuzzer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from spec.reference import Refused
from tera.errors import TeraError

P = ParamSpec("P")
T = TypeVar("T")


class Taken(Generic[T]):
    """What was returned."""

    def __init__(self, value: T) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"taken as {self.value!r}"


def tera(call: Callable[P, T], *args: P.args, **options: P.kwargs) -> Taken[T] | TeraError:
    """Return what `call` returns, or the refusal."""
    try:
        return Taken(call(*args, **options))
    except TeraError as error:
        return error


def reference(call: Callable[P, T], *args: P.args, **options: P.kwargs) -> Taken[T] | Refused:
    """Return what `call`, of the reference, returns, or the refusal."""
    try:
        return Taken(call(*args, **options))
    except Refused as error:
        return error


def same_verdict(*found: Taken[Any] | TeraError | Refused) -> None:
    """Fail unless all have taken it, or none has."""
    assert len({isinstance(one, Taken) for one in found}) == 1, f"the readers differ: {found!r:.2000}"
