"""One call of every operation that is allowed and works, for tests that go through all of them.

The law of this file: a test that asks for `good_calls` gets every operation of the published document, in an order in
which each works; so a new route without a call is missed at once.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from httpx import Response

from tera.audit.events import Event
from tera.authority.keys import HeldKeys
from tera.codec import keyfile
from tera.codec.encoder import encode
from tera.codec.recipients import KeyEncryptionKey
from tera.codec.signers import VerifyingKey
from tera.crypto.signing import SigningKey
from tera.release.report import build_report
from tera.service.operations import OPERATIONS
from tests.authority.asking import Made, asking, made
from tests.library.places import NOW
from tests.service.houses import ANN, BOB, House

PATHS = {known.id: key for key, known in OPERATIONS.items()}
"""Method and path of each operation by its id."""
DEVICE = SigningKey(bytes((21,)) * 64)
SIGNER = SigningKey(bytes((22,)) * 64)
PUBLIC = keyfile.dump_public(VerifyingKey(SIGNER.public))


@dataclass(frozen=True)
class Call:
    """A request of an operation: what stands in its path, and what else is sent."""

    id: str
    path: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return PATHS[self.id][0]

    def url(self, org_id: str) -> str:
        return PATHS[self.id][1].format(org_id=org_id, **self.path)

    def by(self, house: House, token: str | None, org_id: str | None = None) -> Response:
        """Make it, with a token or none; with the id of an organisation in the path, the house's unless told."""
        headers = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **self.more.get("headers", {})}
        return house.client.request(self.method, self.url(org_id or house.org.id), **{**self.more, "headers": headers})


def sealed_elsewhere(house: House) -> tuple[Made, HeldKeys]:
    """Return a container with a share for the house's authority."""
    keys = house.library.keys.load(house.org.id)
    held = HeldKeys(keys.signing, [one.key for one in keys.opening])
    out = io.BytesIO()
    kek = KeyEncryptionKey(bytes(32), b"k")
    rules = [("offline_for", 3_600), ("recipients", [ANN])]
    encode([("a.txt", b"x")], out, authorities=[held.public], recipients=[kek], created=NOW, rules=rules)
    return made(out.getvalue()), held


def form(*files: tuple[str, bytes], **manifest: Any) -> list[tuple[str, tuple[str, Any, str]]]:
    """Return the parts of an upload, as httpx takes them."""
    text = json.dumps({"container_name": "Q3", "files": [name for name, _ in files], **manifest})
    parts: list[tuple[str, tuple[str, Any, str]]] = [("manifest", ("manifest", text, "application/json"))]
    return parts + [("files", (name, data, "text/plain")) for name, data in files]


def good_calls(house: House, *, files: tuple[tuple[str, bytes], ...] = (("a.txt", b"content"),)) -> Iterator[Call]:
    """Yield a call of every operation, in an order in which each is allowed and finds what it is about."""
    name = files[0][0]
    container = house.encode(dict(files), drm={"recipients": [ANN], "opens": 9}, dynamic=True, tags=["a"])
    elsewhere, held = sealed_elsewhere(house)
    uploaded = house.ask("POST", "/containers", content=elsewhere.data).json()["container"]["uuid"]
    ended = house.token(BOB, "read").split("_")[1]
    digest = house.get(f"/containers/{container}").json()["container_digest"]
    request = asking(elsewhere, keys=held, viewer=ANN, device_key=DEVICE, lease=True).message
    there, sent = {"container_id": container}, {"container_id": uploaded}

    yield Call("is_alive")
    yield Call("is_ready")
    yield Call("list_containers", more={"params": {"limit": 1}})
    yield Call("upload_container", more={"content": elsewhere.data, "params": {"name": "sent", "tag": "b"}})
    yield Call("encode_container", more={"files": form(*files, note="mine")})
    yield Call("get_container", there)
    yield Call("change_container", there, {"json": {"name": "Q4"}})
    yield Call("find_container_by_digest", more={"params": {"digest": digest}})
    yield Call("download_container", there)
    yield Call("decode_container", there)
    yield Call("decode_file", {**there, "file": name})
    yield Call("get_drm_rules", there)
    yield Call("get_drm", there)
    yield Call("replace_drm", there, {"json": {"recipients": [ANN, BOB]}})
    yield Call("merge_drm", there, {"json": {"opens": 3}})
    yield Call("delete_drm_rules", there)
    yield Call("get_tags", there)
    yield Call("replace_tags", there, {"json": ["b", "c"]})
    yield Call("list_tag_changes", there)
    yield Call("list_tags")
    yield Call("list_attempts", there)
    yield Call("prove_attempt", there)
    yield Call("list_events_of_container", there)
    yield Call("list_events", more={"params": {"limit": 100}})
    yield Call("list_container_events", {"view": "access"})
    yield Call("list_accesses")
    yield Call("get_stats")
    yield Call("get_checkpoint")
    yield Call("prove_consistency", more={"params": {"from": 1}})
    yield Call("list_pq_keys")
    yield Call("rotate_pq_keys")
    yield Call("list_api_keys")
    yield Call("create_api_key", more={"json": {"name": "new", "scopes": ["read"]}})
    yield Call("revoke_api_key", {"key_id": ended})
    yield Call("get_me")
    yield Call("get_drm_context")
    yield Call("enrol_viewer", {"email": BOB}, {"json": {"public_key": PUBLIC}})
    yield Call("get_viewer", {"email": BOB})
    yield Call("lock_viewer", there, {"json": {"viewer": BOB}})
    yield Call("unlock_viewers", there, {"json": {"viewer": BOB}})
    yield Call("withdraw_viewer", {"email": BOB})
    yield Call("release_key", sent, {"content": request})
    yield Call("lease_key", sent, {"content": request})
    yield Call("release_key_by_request", more={"content": request})
    yield Call("report_opens", more={"content": report(held.fingerprint)})
    yield Call("block_container", there, {"json": {"reason": "why"}})
    yield Call("unblock_container", there)
    yield Call("delete_container", there)


def report(authority: bytes) -> bytes:
    """Return what `DEVICE` reports of its one lease."""
    event = Event(time=NOW * 1_000, kind="lease_open", extra={"act": "view"})
    return build_report(authority, DEVICE, 0, [event.pack()])
