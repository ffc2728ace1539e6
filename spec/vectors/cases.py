"""Scenarios on their way to vectors: what is expected of each reader, and what is true of an honest container.

The law of this file: a code is stated by the scenario, from the text of container.md, and never by a reader.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spec.vectors import fixed
from spec.vectors.build import Built, Draft
from spec.vectors.form import SUCCESS, Entry, Vector


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Cases(dict[str, Vector]):
    """Vectors by name. `under` names the heading of container.md that the next ones show."""

    def __init__(self) -> None:
        super().__init__()
        self._section = ""

    @contextmanager
    def under(self, section: str) -> Iterator[None]:
        """Name the heading."""
        before, self._section = self._section, section
        yield
        self._section = before

    def add(self, name: str, comment: str, made: Built | bytes, seek: str, **given: Any) -> None:
        """Add a vector. `released` is the content that a stream may have released; the rest are header keys.

        `stream` and `inspect` are what `seek` is unless given; keys are the one of `Draft` unless given.
        """
        if name in self:
            raise ValueError(f"two vectors are called {name}")
        if isinstance(made, bytes):
            made = Built(made, (), "", {})
        stream, inspect = given.pop("stream", seek), given.pop("inspect", seek)
        released = given.pop("released", made.content if stream == SUCCESS else b"")
        tags = given.pop("tag", ())
        if not given.keys() & {"identity", "kek", "passphrase"}:
            given["kek"] = (fixed.KEK_TEXT,)
        if seek == SUCCESS:
            entries = [_entry(item.map, item.size, item.b3) for item in made.items]
            manifest = made.manifest
            given |= {
                "tag": tags,
                "private_tag": tuple(manifest.get("tags", ())),
                "manifest": _sha(manifest.get("json", b"")),
                "entry": tuple(entries),
                "content_digest": content_digest(entries),
            }
        if inspect == SUCCESS:
            given["container_digest"] = made.digest
        self[name] = Vector(
            section=self._section,
            comment=comment,
            seek=seek,
            pipe=seek,
            stream=stream,
            inspect=inspect,
            released=_sha(released),
            body=made.data,
            **given,
        )

    def good(self, name: str, comment: str, draft: Draft, **given: Any) -> None:
        """Add a container that every reader takes."""
        self.add(name, comment, draft.build(), SUCCESS, **given)

    def front(self, name: str, comment: str, draft: Draft | bytes, code: str, **given: Any) -> None:
        """Add what every reader refuses alike before it has released anything."""
        self.add(name, comment, draft if isinstance(draft, bytes) else draft.build(), code, **given)

    def inside(self, name: str, comment: str, draft: Draft, seek: str, stream: str | None = None, **given: Any) -> None:
        """Add what only a reader with a key refuses."""
        given = {"inspect": SUCCESS, "stream": stream or seek} | given
        self.add(name, comment, draft.build(), seek, **given)

    def end(self, name: str, comment: str, draft: Draft, code: str, stream: str | None = None, **given: Any) -> None:
        """Add what a stream refuses after it has released everything."""
        made = draft.build()
        given = {"stream": stream or code, "released": made.content} | given
        self.add(name, comment, made, code, **given)


def _entry(head: dict[str, Any], size: int, b3: bytes) -> Entry:
    kind = "dir" if head["type"] else "file"
    return Entry(kind, head["mode"], head["mtime"], size, b3.hex(), head["path"])


def content_digest(entries: list[Entry]) -> str:
    """Return the digest of "Digests" that names the content."""
    from tera.format.digests import content_digest as digest

    return digest((one.path, int(one.type == "dir"), one.size, bytes.fromhex(one.b3)) for one in entries).hex()


Change = Callable[[dict[str, bytes]], dict[str, bytes]]


def poke(data: bytes, at: int, new: bytes | None = None) -> bytes:
    """Return `data` with other bytes at a place; without them, one bit is flipped."""
    at %= len(data)
    new = bytes((data[at] ^ 1,)) if new is None else new
    return data[:at] + new + data[at + len(new) :]


def poked(name: str, at: int, new: bytes | None = None) -> Change:
    """Return a hook for `Draft.sections`, when all is sealed: other bytes in a section, counted from its header."""
    return lambda sections: sections | {name: poke(sections[name], at, new)}


def cut(name: str, keep: int) -> Change:
    """Return a hook that ends the file `keep` bytes into a section (before its end, if negative)."""

    def change(sections: dict[str, bytes]) -> dict[str, bytes]:
        before = list(sections)[: list(sections).index(name)]
        return {one: sections[one] for one in before} | {name: sections[name][:keep]}

    return change
