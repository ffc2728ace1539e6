"""Putting containers into the library: sealed here from files, or sealed elsewhere and uploaded.

The law of this file: the blob is written first, under its id, the row last, and what is between is nobody's: so an
interrupted upload leaves nothing that is visible. The service never sees the content of what was sealed elsewhere.
"""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tera.catalog import containers, orgs
from tera.catalog.containers import ACTIVE, Row
from tera.codec.encoder import Encoder
from tera.codec.header import Dynamic, sorted_tags, uuid7
from tera.codec.inspect import digest as recompute
from tera.codec.output import Output
from tera.codec.recipients import Passphrase, Recipient
from tera.codec.source import read_front
from tera.errors import BadInput, QuotaExceeded, TeraError, Unavailable
from tera.format import limits
from tera.format.core import DynamicRules, StaticRules
from tera.format.rules import Rule, rules_value
from tera.library.drm import shown
from tera.library.events import record
from tera.library.library import Library, Principal
from tera.library.tags import read_name, read_tags
from tera.policy.document import parse_json
from tera.policy.envelope import check_authentic, parse_policy
from tera.policy.manifest import read_manifest
from tera.wire import canonical

MANIFEST: Final = 1 << 20
"""Bytes of a manifest that is sent."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file as it comes: its content is taken once, in order."""

    name: str
    mime: str | None
    content: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """A container that is in the library now, and what was put into it: name, type and size of each file."""

    row: Row
    files: tuple[dict[str, Any], ...]


def encode(library: Library, principal: Principal, manifest: bytes, parts: Iterable[Part]) -> Made:
    """Seal files to the organisation's key, under the rules of the manifest, and add the container.

    The owner is the key's address; recipients that are absent or empty become it. Raises Forbidden, BadInput,
    QuotaExceeded, and what the store, the catalog and the key store do.
    """
    principal.need("write")
    asked = read_manifest(manifest, owner=principal.address)
    document = parse_json(manifest)
    listed = _listed(document)
    now = library.now()
    room = _room(library, principal)
    keys = library.keys.load(principal.org.id)
    recipient: Recipient | list[Recipient] = keys.newest.key.public
    if asked.password is not None:
        recipient = [keys.newest.key.public, Passphrase(asked.password)]
    container_id = uuid.UUID(bytes=uuid7(int(library.clock() * 1e9), library.random))
    blob = _blob(principal.org.id, container_id)
    output = _Hashing(library.store.create(blob), room)
    files: list[dict[str, Any]] = []
    with Encoder(
        output,
        recipients=[recipient],
        manifest=asked.text,
        tags=_tags(document),
        rules=asked.rules,
        dynamic=Dynamic([keys.signing]) if asked.dynamic else None,
        id=container_id.bytes,
        created=now,
        random=library.random,
    ) as encoder:
        for part in parts:
            counted = _Counted(part.content)
            encoder.add_content(part.name, counted, mtime=now * 10**9, mime=part.mime)
            files.append({"name": part.name, "type": part.mime, "size": counted.size})
        if listed is not None and sorted(listed) != sorted(one["name"] for one in files):
            raise BadInput("the manifest's files are not those that were sent")
        sealed = encoder.close()
    row = Row(
        id=str(container_id),
        org_id=principal.org.id,
        name=_name(document, files),
        owner=principal.address,
        status=ACTIVE,
        origin="encoded",
        created_at=now,
        core_id=container_id.bytes,
        bind=_bind(library, blob),
        digest=sealed.digest.rpartition(":")[2],
        sha256=output.sha256,
        size=sealed.size,
        entries=sealed.entries,
        blob=blob,
        manifest=asked.text.decode(),
        files=tuple(files),
        tags=tuple(_tags(document)),
        drm=shown(Rule(name, value) for name, value in asked.rules or ()),
        rules=canonical.pack([] if asked.rules is None else asked.rules),
        dynamic=bool(asked.dynamic),
    )
    return Made(_add(library, principal, row), tuple(files))


def upload(
    library: Library, principal: Principal, content: Iterable[bytes], *, name: str | None, tags: Iterable[str] = ()
) -> Row:
    """Add a container that was sealed elsewhere: every root and the digest are recomputed, nothing is opened.

    Raises Forbidden, BadInput, QuotaExceeded, what `tera.digest` does, and what the ports do.
    """
    principal.need("write")
    own_name, own_tags = None if name is None else read_name(name), read_tags(tags)
    now = library.now()
    room = _room(library, principal)
    container_id = uuid.UUID(bytes=uuid7(int(library.clock() * 1e9), library.random))
    blob = _blob(principal.org.id, container_id)
    output = _Hashing(library.store.create(blob), room)
    try:
        for piece in content:
            output.write_at(output.size, piece)
        output.commit()
    except BaseException:
        output.abort()
        raise
    try:
        source = library.store.open(blob)
        try:
            front = read_front(source)
            found = recompute(source)
        finally:
            source.close()
        place = front.core.rules
        rules: tuple[Rule, ...] = place.rules if isinstance(place, StaticRules) else ()
        if isinstance(place, DynamicRules) and front.policy is not None:
            policy = parse_policy(front.policy)
            check_authentic(policy, front.core)
            rules = policy.envelope.rules or ()
        row = Row(
            id=str(container_id),
            org_id=principal.org.id,
            name=own_name or str(uuid.UUID(bytes=front.core.id)),
            owner=principal.address,
            status=ACTIVE,
            origin="uploaded",
            created_at=now,
            core_id=front.core.id,
            bind=front.bind,
            digest=found.rpartition(":")[2],
            sha256=output.sha256,
            size=output.size,
            entries=0,
            blob=blob,
            manifest="",
            files=(),
            tags=sorted_tags({*own_tags, *(tag for tag in front.core.tags if tag.isprintable())}),
            drm=shown(rules),
            rules=canonical.pack(rules_value(rules)),
            dynamic=isinstance(place, DynamicRules),
        )
        return _add(library, principal, row)
    except TeraError as error:
        _discard(library, blob, error)
        raise


def _add(library: Library, principal: Principal, row: Row) -> Row:
    """Write the row, what is used, and the event; of what is refused nothing stays."""
    try:
        with library.catalog.writing(principal.org.id) as db:
            org = orgs.get_org(db, principal.org.id)
            assert org is not None
            _within(org, row.size)
            row = containers.add(db, row)
            orgs.use(db, org.id, size=row.size, containers=1)
            record(library, db, principal, "create", row=row)
    except TeraError as error:
        _discard(library, row.blob, error)
        raise
    return row


def _discard(library: Library, blob: str, error: TeraError) -> None:
    """Remove a blob that was refused. Where the catalog went away its row may be there all the same: that stays."""
    if not isinstance(error, Unavailable):
        library.store.delete(blob)


def _room(library: Library, principal: Principal) -> int | None:
    """Return how many bytes there is room for, None without a limit; refuse before anything is read."""
    with library.catalog.reading() as db:
        org = orgs.get_org(db, principal.org.id)
    assert org is not None
    _within(org, 0)
    return None if org.quota_bytes is None else org.quota_bytes - org.used_bytes


def _within(org: orgs.Org, size: int) -> None:
    if org.quota_containers is not None and org.used_containers >= org.quota_containers:
        raise QuotaExceeded("the organisation has as many containers as it may have")
    if org.quota_bytes is not None and org.used_bytes + size > org.quota_bytes:
        raise QuotaExceeded("the organisation has no room for it")


def _blob(org_id: str, container_id: uuid.UUID) -> str:
    return f"{org_id}/{container_id.hex[-2:]}/{container_id}"


def _bind(library: Library, blob: str) -> bytes:
    source = library.store.open(blob)
    try:
        return read_front(source).bind
    finally:
        source.close()


# --- what a manifest says besides rules -----------------------------------------------------------------


def _listed(document: Any) -> list[str] | None:
    """Return the names of files that the manifest lists, as a list, a list of objects or a map; None for none."""
    files = document.get("files") if isinstance(document, dict) else None
    if files is None:
        return None
    if isinstance(files, dict):
        return [str(name) for name in files]
    if isinstance(files, list):
        names = [one.get("name") if isinstance(one, dict) else one for one in files]
        if all(isinstance(name, str) for name in names):
            return [str(name) for name in names]
    raise BadInput("the manifest's files are neither a list of names, of objects with a name, nor a map")


def _tags(document: Any) -> list[str]:
    container = document.get("container") if isinstance(document, dict) else None
    for holder in (document, container):
        tags = holder.get("tags") if isinstance(holder, dict) else None
        if tags is not None:
            if not isinstance(tags, list) or not all(isinstance(one, str) and one for one in tags):
                raise BadInput("the manifest's tags are not a list of texts")
            if not all(one.isprintable() for one in tags):
                raise BadInput("the manifest's tags hold what cannot be printed")
            if any(len(one.encode()) > limits.TAG_BYTES for one in tags) or len(tags) > limits.TAGS:
                raise BadInput(f"there are at most {limits.TAGS} tags of at most {limits.TAG_BYTES} bytes")
            return sorted(set(tags))
    return []


def _name(document: Any, files: list[dict[str, Any]]) -> str:
    container = document.get("container") if isinstance(document, dict) else None
    for holder, key in (
        (document, "container_name"),
        (container, "name"),
        (container, "container_name"),
        (document, "name"),
    ):
        name = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(name, str) and name and name.isprintable() and len(name) <= 1_024:
            return name
    return str(files[0]["name"]) if files else "container"


class _Counted:
    """Content that is counted as it is taken."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = iter(content)
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._content:
            self.size += len(piece)
            yield piece


class _Hashing(Output):
    """Hashes what is written, in order, on its way; more than there is room for is not written."""

    ordered = True

    def __init__(self, output: Output, room: int | None) -> None:
        self._output = output
        self._room = room
        self._sha256 = hashlib.sha256()
        self._lock = threading.Lock()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def write_at(self, offset: int, data: bytes | memoryview) -> None:
        with self._lock:
            if offset != self.size:
                raise ValueError("an ordered output is written in order")
            if self._room is not None and self.size + len(data) > self._room:
                raise QuotaExceeded("the organisation has no room for it")
            self._sha256.update(data)
            self._output.write_at(offset, data)
            self.size += len(data)

    def commit(self) -> None:
        self._output.commit()

    def abort(self) -> None:
        self._output.abort()
