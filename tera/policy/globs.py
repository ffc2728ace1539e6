"""Patterns of paths: `*` and `?` within a part, `**` for any number of parts, `\\` before what is meant as it is.

The law of this file: matching takes time in proportion to pattern times path, whatever a stranger's pattern
looks like. A regular expression does not: `*a*a*a*a…` against a long name is a bomb.

    docs/**        docs, and everything below
    **/*.pdf       every PDF, in any folder or none
    a\\*b           the file a*b
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, TypeAlias

from tera.errors import BadInput, BadPath
from tera.format.paths import check_path

_TOKEN: Final = re.compile(r"\\[*?]|[^\\]")
_MARK: Final = re.compile(r"([*?])")

_DEEP: Final = None
_STAR: Final = ""
_ANY: Final = "/"  # in no part
Part: TypeAlias = "tuple[str, ...] | None"


def literal(path: str) -> str:
    """Return the pattern that matches this path alone."""
    return _MARK.sub(r"\\\1", path)


class Glob:
    """One pattern. Raises BadInput where it could match no path, or says the same as a shorter one."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = tuple(_part(part) for part in text.split("/"))
        if any(before is after is _DEEP for before, after in pairwise(self._parts)):
            raise BadInput("a pattern has ** twice in a row")
        try:  # with letters for the marks it must be a path that a container can hold
            check_path("/".join("x" if part is _DEEP else "".join(map(_letter, part)) for part in self._parts))
        except BadPath:
            raise BadInput("a pattern could match no path of a container") from None

    def matches(self, path: str) -> bool:
        """Match parts with names from the left; on a difference only the last `**` takes one name more."""
        parts, names = self._parts, path.split("/")
        part = name = 0
        resume: tuple[int, int] | None = None
        while name < len(names):
            if part < len(parts) and parts[part] is _DEEP:
                part += 1
                resume = part, name
            elif part < len(parts) and _fits(parts[part] or (), names[name]):
                part, name = part + 1, name + 1
            elif resume is not None:
                part, name = resume[0], resume[1] + 1
                resume = part, name
            else:
                return False
        return all(rest is _DEEP for rest in parts[part:])


def _part(text: str) -> Part:
    if text == "**":
        return _DEEP
    tokens: list[str] = _TOKEN.findall(text)
    if "".join(tokens) != text:
        raise BadInput("a pattern has a \\ that is not before * or ?")
    if any(before == after == "*" for before, after in pairwise(tokens)):
        raise BadInput("a pattern has ** beside something else in a part")
    return tuple({"*": _STAR, "?": _ANY}.get(token, token[-1]) for token in tokens)


def _letter(token: str) -> str:
    return "x" if token in (_STAR, _ANY) else token


def _fits(tokens: tuple[str, ...], name: str) -> bool:
    token = at = 0
    resume: tuple[int, int] | None = None
    while at < len(name):
        here = tokens[token] if token < len(tokens) else None
        if here == _STAR:
            token += 1
            resume = token, at
        elif here is not None and here in (_ANY, name[at]):
            token, at = token + 1, at + 1
        elif resume is not None:
            token, at = resume[0], resume[1] + 1
            resume = token, at
        else:
            return False
    return all(rest == _STAR for rest in tokens[token:])
