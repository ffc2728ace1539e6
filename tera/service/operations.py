"""The operations of the service: one line for each route, as spec/api.md has it.

The law of this file: it says of every published route what its declaration in code cannot: the name by which clients
call it, the scope of key that it needs, what is sent and answered, which refusals it knows besides everybody's. Tests
hold it against the routes, the text, and what the application does.

    scope    "-" no key at all, "any" any key of the organisation, "decode" also an enrolled viewer's key
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tera.service.schemas import Schema, array, ref

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"
CONTAINER: Final = "application/vnd.tera"
ANYTHING: Final = "*/*"


@dataclass(frozen=True, slots=True)
class Operation:
    """`body` and `answer` are schemas, None for none or for bytes; `heeds` are headers that its route reads itself."""

    id: str
    scope: str
    answer: Schema | None = None
    media: str = JSON
    status: int = 200
    body: Schema | None = None
    takes: str = JSON
    required: bool = True
    also: tuple[int, ...] = ()
    heeds: tuple[str, ...] = ()

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status that it answers with."""
        if self.scope == "-":
            return tuple(sorted({self.status, *self.also}))
        return tuple(sorted({self.status, 400, 401, 403, 404, 429, 503, *self.also}))


def _list(id: str, of: str) -> Operation:
    return Operation(id, "read", array(ref(of)))


def _signed(id: str) -> Operation:
    return Operation(id, "decode", None, BINARY, body={}, takes=BINARY, also=(409, 413))


_C: Final = "/orgs/{org_id}/containers"
_ONE: Final = _C + "/{container_id}"

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/healthz"): Operation("is_alive", "-", ref("Status")),
    ("GET", "/readyz"): Operation("is_ready", "-", ref("Status"), also=(503,)),
    # containers
    ("GET", _C): _list("list_containers", "Container"),
    ("POST", _C): Operation("upload_container", "write", ref("Uploaded"), body={}, takes=BINARY, also=(409, 413)),
    ("POST", f"{_C}/encode"): Operation(
        "encode_container", "write", ref("Encoded"), body=ref("Form"), takes="multipart/form-data", also=(409, 413)
    ),
    ("GET", _ONE): Operation("get_container", "read", ref("Container")),
    ("PATCH", _ONE): Operation("change_container", "write", ref("Container"), body=ref("Change"), also=(413,)),
    ("DELETE", _ONE): Operation("delete_container", "write", status=204),
    ("GET", "/orgs/{org_id}/container_by_digest"): Operation(
        "find_container_by_digest", "read", ref("Container"), also=(409,)
    ),
    ("GET", f"{_ONE}/download"): Operation(
        "download_container",
        "read",
        None,
        CONTAINER,
        also=(206, 304, 416),
        heeds=("If-None-Match", "If-Range", "Range"),
    ),
    ("GET", f"{_ONE}/decode"): Operation("decode_container", "decode", ref("Decoded"), also=(409,)),
    ("GET", f"{_ONE}/decode/{{file}}"): Operation(
        "decode_file", "decode", None, ANYTHING, also=(206, 409, 416), heeds=("If-Range", "Range")
    ),
    ("PUT", f"{_ONE}/block"): Operation(
        "block_container", "write", ref("Message"), body=ref("Reason"), required=False, also=(413,)
    ),
    ("DELETE", f"{_ONE}/block"): Operation("unblock_container", "write", ref("Message")),
    # rules
    ("GET", f"{_ONE}/drm_rules"): Operation("get_drm_rules", "read", ref("Rules")),
    ("DELETE", f"{_ONE}/drm_rules"): Operation("delete_drm_rules", "write", ref("Message"), also=(409, 412)),
    ("GET", f"{_ONE}/drm"): Operation("get_drm", "read", ref("ChangeableRules")),
    ("PUT", f"{_ONE}/drm"): Operation(
        "replace_drm", "write", ref("ChangeableRules"), body=ref("ChangeableRules"), also=(409, 412, 413)
    ),
    ("PATCH", f"{_ONE}/drm"): Operation(
        "merge_drm",
        "write",
        ref("ChangeableRules"),
        body=ref("Rules"),
        takes="application/merge-patch+json",
        also=(409, 412, 413),
    ),
    # tags
    ("GET", f"{_ONE}/tags"): Operation("get_tags", "read", array({"type": "string"})),
    ("PUT", f"{_ONE}/tags"): Operation(
        "replace_tags", "write", array({"type": "string"}), body=ref("Tags"), also=(413,)
    ),
    ("GET", f"{_ONE}/tags_audit"): _list("list_tag_changes", "TagChange"),
    ("GET", "/orgs/{org_id}/tags"): _list("list_tags", "TagCount"),
    # what happened
    ("GET", f"{_ONE}/attempts"): Operation(
        "list_attempts", "read", {"anyOf": [array(ref("AttemptCount")), array(ref("Attempt"))]}
    ),
    ("GET", f"{_ONE}/attempts/proof"): Operation("prove_attempt", "read", ref("AttemptProof")),
    ("GET", f"{_ONE}/events"): _list("list_events_of_container", "Event"),
    ("GET", "/orgs/{org_id}/events"): _list("list_events", "Event"),
    ("GET", "/orgs/{org_id}/container_events/by_{view}"): _list("list_container_events", "Event"),
    ("GET", "/orgs/{org_id}/access_log"): _list("list_accesses", "Attempt"),
    ("GET", "/orgs/{org_id}/stats"): Operation("get_stats", "read", ref("Stats")),
    ("GET", "/orgs/{org_id}/log/checkpoint"): Operation("get_checkpoint", "read", ref("Checkpoint")),
    ("GET", "/orgs/{org_id}/log/consistency"): Operation("prove_consistency", "read", ref("Consistency")),
    # keys
    ("GET", "/orgs/{org_id}/pq_keys"): Operation("list_pq_keys", "read", array(ref("PublicKey"))),
    ("POST", "/orgs/{org_id}/pq_keys/rotate"): Operation(
        "rotate_pq_keys", "admin", array(ref("PublicKey")), also=(409,)
    ),
    ("GET", "/orgs/{org_id}/api_keys"): Operation("list_api_keys", "admin", array(ref("ApiKey"))),
    ("POST", "/orgs/{org_id}/api_keys"): Operation(
        "create_api_key", "admin", ref("NewApiKey"), body=ref("NewKey"), also=(409, 413)
    ),
    ("DELETE", "/orgs/{org_id}/api_keys/{key_id}"): Operation("revoke_api_key", "admin", status=204, also=(409,)),
    ("GET", "/orgs/{org_id}/me"): Operation("get_me", "any", ref("Me")),
    ("GET", "/orgs/{org_id}/drm_context"): Operation("get_drm_context", "any", ref("Context")),
    # viewers
    ("PUT", "/orgs/{org_id}/viewers/{email}"): Operation(
        "enrol_viewer", "admin", ref("NewViewer"), body=ref("Enrolment"), required=False, also=(409, 413)
    ),
    ("GET", "/orgs/{org_id}/viewers/{email}"): Operation("get_viewer", "read", ref("Viewer")),
    ("DELETE", "/orgs/{org_id}/viewers/{email}"): Operation("withdraw_viewer", "admin", status=204),
    ("POST", f"{_ONE}/lock"): Operation("lock_viewer", "write", ref("Message"), body=ref("OneViewer"), also=(413,)),
    ("POST", f"{_ONE}/unlock"): Operation(
        "unlock_viewers", "write", ref("Message"), body=ref("AnyViewer"), required=False, also=(413,)
    ),
    # release
    ("POST", f"{_ONE}/release"): _signed("release_key"),
    ("POST", f"{_ONE}/lease"): _signed("lease_key"),
    ("POST", "/orgs/{org_id}/release"): _signed("release_key_by_request"),
    ("POST", "/orgs/{org_id}/v1/report"): Operation(
        "report_opens", "decode", ref("Recorded"), body={}, takes=BINARY, also=(413,)
    ),
}
"""By method and path."""
