"""A pattern matches as the plain restatement says, in steps of at most pattern times path; a literal matches itself.

The input is a pattern and a path with a line end between; the first byte repeats both that many times, so that what
takes long shows. Steps are counted, not timed: one is a look at a character of the path.
"""

from __future__ import annotations

from typing import SupportsIndex

from fuzz import oracle
from tera.errors import BadPath, TeraError
from tera.format.paths import check_path
from tera.policy.globs import Glob, literal
from tests.policy import naive

LONGEST = 400
"""Characters of a path; a pattern has twice as many."""
PLAIN = 3
"""So many marks the restatement can stand: it tries everything."""


class Counted(str):
    """A path that counts how often a character of it is looked at."""

    looks = 0

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[str]:
        """Return parts that count too."""
        return [Counted(part) for part in str(self).split(sep, maxsplit)]

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        Counted.looks += 1
        return str.__getitem__(self, key)


def one_input(data: bytes) -> None:
    times, (text, _, path) = (data[:1] or b"\0")[0], data[1:].decode(errors="replace").partition("\n")
    if times >= 128:
        text, path = (text * times)[: 2 * LONGEST], (path * times)[:LONGEST]
    text, path = text[: 2 * LONGEST], path[:LONGEST]
    found = oracle.tera(Glob, text)
    if isinstance(found, oracle.Taken):
        glob = found.value
        Counted.looks = 0
        answer = glob.matches(Counted(path))
        assert Counted.looks <= (len(text) + 1) * (len(path) + 1), f"{Counted.looks:,} looks"
        assert answer is glob.matches(path)
        if text.count("*") + text.count("?") <= PLAIN and path:
            assert answer == naive.matches(text, path), answer
    try:
        check_path(path)
    except (BadPath, TeraError):
        return
    exact = Glob(literal(path))
    assert exact.matches(path) and not exact.matches(path + "x") and not exact.matches("x/" + path)
