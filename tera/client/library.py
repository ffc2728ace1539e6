"""A library service, as a program uses it.

The law of this file: a method is one use of the service: what is sent, what comes back, as values. How it is sent is
the transport's. That what comes is what was sealed is shown by `tera.open`, and by no service.
"""

from __future__ import annotations

import base64
import io
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final, TypeAlias

from tera.client.fetch import Fetched, Fetching
from tera.client.listing import every
from tera.client.multipart import Form, gather
from tera.client.releaser import ContainerReleaser
from tera.client.remote import RemoteContainer
from tera.client.saving import Target, save
from tera.client.stored import (
    OrgKey,
    Rules,
    StoredContainer,
    parse_container,
    parse_document,
    parse_key,
    parse_made,
    parse_rows,
    parse_texts,
)
from tera.client.transport import Body, Bytes, Transport
from tera.client.upload import Sealed
from tera.codec.inspect import digest
from tera.codec.segment import ReadAt
from tera.codec.sources import OnSkip, Source
from tera.errors import BadDigest, BadInput, NoSuchThing

OWN: Final = "-"
"""The organisation of the token."""

Progress: TypeAlias = "Callable[[int], None] | None"
Named: TypeAlias = "StoredContainer | str"
"""A container, or its id in the library."""


class Library:
    """The library of an organisation, at `https://host[:port][/path]`, or `http://` on this machine.

    `token` is an API key's bearer token; `org` the organisation's id, the token's own if not given. `timeout` is in
    seconds, for each wait. Every method raises what the service refuses, by its code, and ServerUnavailable;
    the constructor BadInput. For any number of threads.
    """

    def __init__(self, url: str, token: str | None = None, *, org: str = OWN, timeout: float = 60.0) -> None:
        self._line = Transport(url, token, timeout=timeout)
        self._org = org

    def __repr__(self) -> str:
        return f"<Library at {self._line.address}>"

    # --- finding ------------------------------------------------------------------------------------------

    def containers(
        self,
        *,
        tag: str | None = None,
        name: str | None = None,
        status: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Iterator[StoredContainer]:
        """Yield containers, the oldest first; `name` is how theirs begins, made from `start` up to `end`."""
        filters = {"tag": tag, "name": name, "status": status, "start": start, "end": end}
        query = [(key, value) for key, value in filters.items() if value is not None]
        return map(parse_container, every(self._line, self._path("containers"), query))

    def get(self, container: Named) -> StoredContainer:
        """Return a container as it is now."""
        return parse_container(self._json("GET", *self._of(container)))

    def by_digest(self, text: str) -> StoredContainer:
        """Return the container with a digest: `tera:...`, its digits alone, or `sha256:...` of the bytes."""
        path = self._path("container_by_digest")
        found = parse_container(self._line.document("GET", path, query=[("digest", text)])[0])
        if text not in (found.digest, found.digest.removeprefix("tera:"), f"sha256:{found.sha256}"):
            raise self._line.unavailable("it gives another container than was asked for")
        return found

    def find(self, text: str) -> StoredContainer:
        """Return a container by its id or its digest. Raises BadInput for what is neither."""
        try:
            return self.get(str(uuid.UUID(text)))
        except ValueError:
            pass
        if not text.rpartition(":")[2].strip("0123456789abcdef") and len(text.rpartition(":")[2]) == 64:
            return self.by_digest(text)
        raise BadInput(f"{text!r} is neither the id of a container nor a digest")

    # --- putting in and taking out ------------------------------------------------------------------------

    def encode(
        self,
        sources: Iterable[Source],
        manifest: Mapping[str, Any] | bytes | None = None,
        *,
        on_skip: OnSkip | None = None,
        progress: Progress = None,
    ) -> StoredContainer:
        """Have the service seal files to its own key: it sees what is in them. `tera.encode` and `upload` hide it.

        `sources` are those of `tera.encode`; `manifest` is the published one: a name, tags, `drm`; `files`, if it
        is there, are all that are sent.
        """
        form = Form(_manifest(manifest), gather(sources, on_skip))
        return parse_made(self._send(self._path("containers", "encode"), form, progress))

    def upload(
        self,
        sealed: str | os.PathLike[str] | BinaryIO,
        *,
        name: str | None = None,
        tags: Iterable[str] = (),
        progress: Progress = None,
    ) -> StoredContainer:
        """Add a container that was sealed here: a path, or a file object that can seek, from its start."""
        query = [("name", name)] if name is not None else []
        query += [("tag", tag) for tag in tags]
        with Sealed(sealed) as body:
            return parse_made(self._send(self._path("containers"), body, progress, query))

    def download(self, container: Named, target: Target, *, force: bool = False, progress: Progress = None) -> Fetched:
        """Fetch a container's bytes into a new file, or onto a binary stream.

        A file appears when its digest, computed from its bytes, is the container's: BadDigest. A stream is not checked.
        """
        stored = container if isinstance(container, StoredContainer) else self.get(container)

        def check(source: ReadAt) -> None:
            check_digest(digest(source), stored)

        return save(self._fetching(stored, "download"), target, force=force, progress=progress, check=check)

    def source(self, container: Named, *, progress: Progress = None) -> RemoteContainer:
        """Return a container as `tera.open` reads it, by ranges: `tera.open(library.source(id), keys)`."""
        return RemoteContainer(self._fetching(container, "download"), progress)

    def releaser(self, container: Named, *, viewer: str | None = None) -> ContainerReleaser:
        """Return what asks the organisation's authority for its share of a container's key.

        For `tera.Config(authorities={fingerprint: library.releaser(id)})`.
        """
        query = [] if viewer is None else [("viewer", viewer)]
        return ContainerReleaser(self._line, self._of(container, "release"), query)

    def listing(self, container: Named, **asked: str | None) -> dict[str, Any]:
        """Return the manifest and the files of a container that the service can open; `asked` as for `decode`."""
        fetching = self._fetching(container, "decode", **asked)
        found = io.BytesIO()
        save(fetching, found)
        try:
            return parse_document(json.loads(found.getvalue()))
        except (ValueError, RecursionError):
            raise self._line.unavailable("its answer is not understood") from None

    def decode(
        self,
        container: Named,
        file: str,
        target: Target,
        *,
        start: int = 0,
        stop: int | None = None,
        force: bool = False,
        progress: Progress = None,
        **asked: str | None,
    ) -> Fetched:
        """Have the service open a container, and fetch a file of it, or bytes `start` to `stop` of one.

        `asked`: `viewer`, for whom a delegating key asks; `action`; `password`.
        """
        fetching = self._fetching(container, "decode", file, **asked)
        return save(fetching, target, start=start, stop=stop, force=force, progress=progress)

    # --- blocks, rules, tags, records ---------------------------------------------------------------------

    def block(self, container: Named, reason: str | None = None) -> None:
        """Refuse every open from now on."""
        body = None if reason is None else _body({"reason": reason})
        self._line.document("PUT", self._of(container, "block"), body=body)

    def unblock(self, container: Named) -> None:
        """Allow opens again."""
        self._line.document("DELETE", self._of(container, "block"))

    def delete(self, container: Named) -> None:
        """Remove its bytes; its key is never released again."""
        self._line.ask("DELETE", self._of(container), gone=True).close()

    def rules(self, container: Named) -> Rules:
        """Return the rules in force."""
        value, answer = self._line.document("GET", self._of(container, "drm_rules"))
        return Rules(parse_document(value), answer.header("ETag"))

    def set_rules(self, container: Named, rules: Mapping[str, Any], *, version: str | None = None) -> None:
        """Put other rules in their place: what a manifest has under `drm`. With `version`, in place of that only."""
        self._change(container, "PUT", rules, version)

    def merge_rules(self, container: Named, patch: Mapping[str, Any], *, version: str | None = None) -> None:
        """Change rules by a JSON Merge Patch (RFC 7396)."""
        self._change(container, "PATCH", patch, version)

    def remove_rules(self, container: Named, *, version: str | None = None) -> None:
        """Take the rules away: from now on only the owner opens."""
        self._line.document("DELETE", self._of(container, "drm_rules"), headers=_if_match(version))

    def tags(self, container: Named) -> tuple[str, ...]:
        """Return a container's tags, as the library has them."""
        return parse_texts(self._json("GET", *self._of(container, "tags")))

    def set_tags(self, container: Named, tags: Iterable[str]) -> tuple[str, ...]:
        """Put other tags in their place; what is sealed stays."""
        value, _ = self._line.document("PUT", self._of(container, "tags"), body=_body(list(tags)))
        return parse_texts(value)

    def tags_audit(self, container: Named) -> Iterator[dict[str, Any]]:
        """Yield who changed the tags, when, from what to what."""
        return every(self._line, self._of(container, "tags_audit"))

    def attempts(self, container: Named, *, detail: bool = False) -> Iterator[dict[str, Any]]:
        """Yield who tried to open a container, and how often; with `detail`, each attempt."""
        return every(self._line, self._of(container, "attempts"), [("detail", "true")] if detail else [])

    def keys(self) -> list[OrgKey]:
        """Return the organisation's public keys: those to seal to, the newest first, and the one that signs."""
        return [parse_key(one) for one in parse_rows(self._json("GET", *self._path("pq_keys")))]

    def sealing_key(self) -> OrgKey:
        """Return the key that is sealed to now. Raises NoSuchThing."""
        for key in self.keys():
            if key.use == "seal" and key.status == "active":
                return key
        raise NoSuchThing("the organisation has no key to seal to")

    # --- sending ------------------------------------------------------------------------------------------

    def _path(self, *parts: str) -> tuple[str, ...]:
        return ("orgs", self._org, *parts)

    def _of(self, container: Named, *parts: str) -> tuple[str, ...]:
        return self._path("containers", container if isinstance(container, str) else container.id, *parts)

    def _json(self, method: str, *path: str) -> Any:
        return self._line.document(method, path)[0]

    def _send(
        self, path: tuple[str, ...], body: Body, progress: Progress, query: list[tuple[str, str]] | None = None
    ) -> Any:
        key = uuid.uuid4().hex
        return self._line.document("POST", path, query=query or [], body=body, key=key, progress=progress)[0]

    def _change(self, container: Named, method: str, document: Mapping[str, Any], version: str | None) -> None:
        path = self._of(container, "drm")
        self._line.document(method, path, body=_body(dict(document)), headers=_if_match(version))

    def _fetching(self, container: Named, *parts: str, **asked: str | None) -> Fetching:
        password = asked.pop("password", None)
        headers = {} if password is None else {"Tera-Password": base64.b64encode(password.encode()).decode()}
        query = [(key, value) for key, value in asked.items() if value is not None]
        return Fetching(self._line, self._of(container, *parts), query=query, headers=headers)


def check_digest(found: str, stored: StoredContainer) -> None:
    """Return when a digest is the container's. Raises BadDigest."""
    if found != stored.digest:
        raise BadDigest(f"what came is not the container that was asked for: its digest is {found}")


def _body(value: Any) -> Bytes:
    return Bytes(json.dumps(value).encode())


def _if_match(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": version}


def _manifest(manifest: Mapping[str, Any] | bytes | None) -> bytes:
    if isinstance(manifest, bytes | bytearray | memoryview):
        return bytes(manifest)
    return json.dumps(dict(manifest or {})).encode()
