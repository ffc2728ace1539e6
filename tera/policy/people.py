"""Addresses of people: `a@b.c`, and the patterns `*@b.c` and `*@*` that recipients are written in.

The law of this file: one mailbox has one text, in lower-case ASCII, its domain in A-labels. It is the one
door to `idna`, which only a name in another script needs. Python's own codec follows IDNA 2003, where
`straße.de` is `strasse.de`: another owner's domain.

A local part is ASCII: no two mailboxes that somebody else could own fold into one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from tera.errors import BadInput, InputUnavailable

_ATOM: Final = r"[a-z0-9!#$%&'+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
ANYBODY: Final = "*@*"
EXPECTED: Final = "name@example.org, *@example.org or *@*"


def read_viewer(text: str) -> str:
    """Return the one text of a person's address. Raises BadInput, InputUnavailable (a domain in another script)."""
    local, domain = _split(text)
    return f"{_local(local)}@{_domain(domain)}"


def read_pattern(text: str) -> str:
    """Return the one text of a recipient. Raises as `read_viewer`."""
    local, domain = _split(text)
    if local != "*":
        return f"{_local(local)}@{_domain(domain)}"
    return ANYBODY if domain == "*" else f"*@{_domain(domain)}"


def read_canonical(text: str) -> str:
    """Return a recipient that is written in its one form. Raises BadInput."""
    if not text.isascii() or read_pattern(text) != text:
        raise BadInput("a recipient is not written in its one form")
    return text


def _split(text: str) -> tuple[str, str]:
    local, at, domain = text.rpartition("@")
    if not at:
        raise BadInput(f"not an address; expected {EXPECTED}")
    return local, domain


def _local(text: str) -> str:
    lower = text.lower()
    if not text.isascii() or len(text) > 64 or not _LOCAL.fullmatch(lower):
        raise BadInput(f"what stands before the @ is no local part in ASCII; expected {EXPECTED}")
    return lower


def _domain(text: str) -> str:
    if not text.isascii():
        text = _a_labels(text)
    lower = text.lower()
    if len(lower) > 253 or not _DOMAIN.fullmatch(lower):
        raise BadInput(f"what stands after the @ is no domain; expected {EXPECTED}")
    return lower


def _a_labels(text: str) -> str:
    try:
        import idna
    except ImportError:
        raise InputUnavailable(
            "a domain in another script than ASCII needs the package idna, which is not installed",
            hint="pip install 'tera-container[names]', or write the domain's A-labels (xn--…)",
        ) from None
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise BadInput(f"what stands after the @ is no domain that IDNA 2008 allows; expected {EXPECTED}") from None


class People:
    """Recipients, ready to be asked."""

    __slots__ = ("_anybody", "_domains", "_exact")

    def __init__(self, patterns: Iterable[str]) -> None:
        found = list(patterns)
        self._anybody = ANYBODY in found
        self._domains = frozenset(one[2:] for one in found if one.startswith("*@"))
        self._exact = frozenset(found)

    def hold(self, viewer: str) -> bool:
        """Return whether a recipient is this person, whose address is in its one form."""
        return self._anybody or viewer in self._exact or viewer.rpartition("@")[2] in self._domains
