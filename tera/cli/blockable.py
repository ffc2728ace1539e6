"""What a block list may name, as options: containers, and values that other verbs show.

The law of this file: it holds what was named; `blocked_items.py` reads it, when it is known to be needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tera.cli.inputs import STDIN, once
from tera.cli.options import FILE

if TYPE_CHECKING:
    from tera.codec.blocklists import Item

_F = TypeVar("_F", bound=Callable[..., Any])
_HELP: Final = {
    "id": "A container's id, as `tera inspect` shows it.",
    "digest": "A container's digest, as `tera digest` shows it.",
    "signer": "Whoever signs with this key: a file, terasign1..., or a fingerprint.",
    "recipient": "Whoever opens with this key: a file, teraxwing1..., or a fingerprint.",
    "policy": "Every container with this policy: its id, as `tera policy show` shows it.",
    "bind": "One container with one key: its H_bind, in hexadecimal digits.",
}
_FROM: Final = click.option(
    "--from", "lines", metavar="FILE", type=FILE, help="Lines of KIND VALUE; KIND is the name of an option above."
)


@dataclass(frozen=True, slots=True)
class Named:
    """What a command line names; `values` are pairs of an option's name and what it was given."""

    values: tuple[tuple[str, str], ...] = ()
    lines: str | None = None
    containers: tuple[str, ...] = ()

    @property
    def given(self) -> bool:
        """Whether anything was named."""
        return bool(self.values or self.lines or self.containers)

    @property
    def stdin(self) -> list[str | None]:
        """The arguments that may be `-`."""
        return [self.lines, *(value for kind, value in self.values if kind in ("signer", "recipient"))]

    def items(self, *, quiet: bool) -> list[Item]:
        """Return all of it, each once; reads containers. Raises BadInput, BadKey, what a container is refused for."""
        from tera.cli import blocked_items

        found = [item for kind, value in self.values for item in blocked_items.of_value(kind, value)]
        found += blocked_items.of_lines(self.lines) if self.lines else []
        found += [blocked_items.of_container(path, quiet=quiet) for path in self.containers]
        return list({item.names: item for item in reversed(found)}.values())[::-1]


def blockable_options(function: _F) -> _F:
    """Add `--id`, `--digest` and so on, and containers; the verb gets `named`, a `Named`."""

    @functools.wraps(function)
    def gathered(*args: Any, containers: tuple[str, ...], lines: str | None, **others: Any) -> Any:
        values = tuple((kind, value) for kind in _HELP for value in others.pop(f"blocked_{kind}"))
        return function(*args, named=Named(values, lines, containers), **others)

    found: Any = _FROM(gathered)
    for kind in reversed(_HELP):
        found = click.option(f"--{kind}", f"blocked_{kind}", metavar="VALUE", multiple=True, help=_HELP[kind])(found)
    return found  # type: ignore[no-any-return]


def check_stdin(file: str, keys: Sequence[str], named: Named) -> None:
    """Raise UsageError when standard input is named twice, or is the list itself."""
    if file == STDIN:
        raise click.UsageError("a block list is a file: it is read at random, and replaced as a whole")
    once([*keys, *named.stdin])
