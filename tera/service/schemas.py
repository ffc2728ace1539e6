"""What the published document says of bodies: JSON Schemas of everything that is sent and answered.

The law of this file: an answer has the members that are named here, all of them, and no others, except where it says
that anything may stand there. `tests/service` hold every answer against it.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Schema: TypeAlias = "dict[str, Any]"

TEXT: Final[Schema] = {"type": "string"}
BOOL: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
BASE64: Final[Schema] = {"type": "string", "contentEncoding": "base64"}
HEX: Final[Schema] = {"type": "string", "pattern": "^(?:[0-9a-f]{2})+$"}
ANY: Final[Schema] = {}
OPEN: Final[Schema] = {"type": "object", "additionalProperties": True}


def ref(name: str) -> Schema:
    """Return a reference to a shape of `SHAPES`."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(of: Schema) -> Schema:
    """Return an array."""
    return {"type": "array", "items": of}


def maybe(schema: Schema) -> Schema:
    """Return the same, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def one_of(*texts: str) -> Schema:
    """Return one of these texts."""
    return {"type": "string", "enum": list(texts)}


def closed(optional: tuple[str, ...] = (), /, **members: Schema) -> Schema:
    """Return an object with these members and no others."""
    found: Schema = {"type": "object", "properties": members, "additionalProperties": False}
    if required := [name for name in members if name not in optional]:
        found["required"] = required
    return found


_NAMED: Final = {
    "id": TEXT,
    "uuid": TEXT,
    "org_id": TEXT,
    "name": TEXT,
    "container_name": TEXT,
    "created_at": TIME,
    "created_date": TIME,
    "container_digest": {"type": "string", "pattern": "^tera:[0-9a-f]{64}$"},
}
_KEY: Final = {
    "id": TEXT,
    "api_key": TEXT,
    "org_id": TEXT,
    "name": TEXT,
    "owner": TEXT,
    "creator": TEXT,
    "scopes": array(one_of("admin", "decode", "open", "read", "write")),
    "acts_for": array(TEXT),
    "may_assert": BOOL,
    "created_at": TIME,
    "expires_at": maybe(TIME),
    "revoked_at": maybe(TIME),
    "last_used_at": maybe(TIME),
}
_VIEWER: Final = {
    "email": TEXT,
    "org_id": TEXT,
    "key_id": maybe(TEXT),
    "public_key": maybe(TEXT),
    "fingerprint": maybe(HEX),
    "created_at": TIME,
}
_HEAD: Final = {"origin": TEXT, "size": COUNT, "root": BASE64, "checkpoint": TEXT, "keys": array(TEXT)}
_GEO: Final = {"continent": maybe(TEXT), "country": maybe(TEXT), "subdivisions": array(TEXT), "city": maybe(TEXT)}
_RULES: Final = {"description": "Rules as a manifest has them: spec/policy.md", **OPEN}

SHAPES: Final[dict[str, Schema]] = {
    "Problem": {
        "description": "RFC 9457; `code` is stable, `rule` names the rule that decided",
        **closed(
            ("hint", "request_id", "rule"),
            type=TEXT,
            title=TEXT,
            status={"type": "integer", "minimum": 400, "maximum": 599},
            code={"type": "string", "pattern": "^[a-z_]+$"},
            detail=TEXT,
            message=TEXT,
            hint=TEXT,
            request_id=TEXT,
            rule=TEXT,
        ),
    },
    "Status": closed(status=TEXT),
    "Message": closed(message=TEXT),
    "Rules": _RULES,
    "ChangeableRules": {**_RULES, "properties": {"dynamic": BOOL}},
    "Container": closed(
        **_NAMED,
        tags=array(TEXT),
        drm_rules=ref("Rules"),
        sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
        container_size=COUNT,
        status=one_of("ACTIVE", "BLOCKED"),
    ),
    "File": closed(name=TEXT, type=maybe(TEXT), size=COUNT),
    "Encoded": closed(org_id=TEXT, container=ref("Container"), files=array(ref("File"))),
    "Uploaded": closed(org_id=TEXT, container=ref("Container")),
    "Decoded": closed(
        org_id=TEXT,
        container=closed(**_NAMED),
        manifest=ANY,
        files=array(ref("File")),
        obligations={"type": "object", "additionalProperties": OPEN},
    ),
    "TagChange": closed(timestamp=TIME, old_tags=array(TEXT), new_tags=array(TEXT), user=maybe(TEXT), ip=maybe(TEXT)),
    "TagCount": closed(tag=TEXT, containers=COUNT),
    "Event": closed(
        index=COUNT,
        timestamp=TIME,
        event=TEXT,
        container_id=maybe(TEXT),
        viewer_email=maybe(TEXT),
        ip=maybe(TEXT),
        rule=maybe(TEXT),
        details=OPEN,
    ),
    "Attempt": closed(
        index=COUNT,
        timestamp=TIME,
        container_id=maybe(TEXT),
        viewer_email=maybe(TEXT),
        ip=maybe(TEXT),
        geo=maybe(OPEN),
        action=maybe(TEXT),
        outcome=one_of("opened", "denied"),
        rule=maybe(TEXT),
    ),
    "AttemptCount": closed(viewer_email=maybe(TEXT), attempt_count=COUNT),
    "Checkpoint": closed(**_HEAD),
    "Consistency": closed(**_HEAD, **{"from": COUNT}, hashes=array(BASE64)),
    "AttemptProof": closed(**_HEAD, index=COUNT, leaf=BASE64, hashes=array(BASE64), proof=TEXT),
    "Stats": closed(
        org_id=TEXT,
        containers=COUNT,
        containers_active=COUNT,
        containers_blocked=COUNT,
        size=COUNT,
        quota_bytes=maybe(COUNT),
        quota_containers=maybe(COUNT),
        opens=COUNT,
        denied=COUNT,
        events=COUNT,
        events_by_kind={"type": "object", "additionalProperties": COUNT},
    ),
    "PublicKey": closed(
        kid=TEXT,
        use=one_of("seal", "sign"),
        type=TEXT,
        fingerprint=HEX,
        pub=TEXT,
        pem=maybe(TEXT),
        raw=BASE64,
        prv={"type": "null"},
        authority=maybe(TEXT),
        not_before=TIME,
        not_after=maybe(TIME),
        status=one_of("active", "retired"),
    ),
    "ApiKey": closed(**_KEY),
    "NewApiKey": {
        "description": "api_secret and token are in the first answer, and in none that repeats it",
        **closed(("api_secret", "token"), **_KEY, api_secret=TEXT, token=TEXT),
    },
    "Me": closed(
        org_id=TEXT,
        email=TEXT,
        scopes=array(TEXT),
        api_key=ref("ApiKey"),
        org=closed(
            id=TEXT,
            name=TEXT,
            email=TEXT,
            created_at=TIME,
            quota_bytes=maybe(COUNT),
            quota_containers=maybe(COUNT),
            used_bytes=COUNT,
            used_containers=COUNT,
        ),
    ),
    "Context": closed(
        viewer_email=TEXT,
        time=TIME,
        ip=maybe(TEXT),
        geo=closed(**_GEO),
        device={"type": "null"},
        mac={"type": "null"},
    ),
    "Viewer": closed(**_VIEWER),
    "NewViewer": {
        "description": "api_key, api_secret and token are there when a key was made",
        **closed(
            ("api_key", "api_secret", "token"),
            **_VIEWER,
            api_key=TEXT,
            api_secret=TEXT,
            token=TEXT,
        ),
    },
    "Recorded": closed(recorded=COUNT),
    "Form": {
        "description": "The manifest first, then the files, each named by the file name of its part",
        "type": "object",
        "properties": {
            "manifest": {"type": "string", "contentMediaType": "application/json"},
            "files": array({"type": "string", "format": "binary"}),
        },
        "required": ["manifest"],
        "additionalProperties": False,
    },
    "Change": {
        **closed(("name", "container_name", "tags"), name=TEXT, container_name=TEXT, tags=array(TEXT)),
        "minProperties": 1,
        "not": {"required": ["name", "container_name"]},
    },
    "Tags": {"oneOf": [array(TEXT), closed(tags=array(TEXT))]},
    "Reason": closed(("reason",), reason=maybe(TEXT)),
    "NewKey": closed(
        ("owner", "scopes", "acts_for", "may_assert", "expires_at"),
        name={"type": "string", "minLength": 1, "maxLength": 200},
        owner=maybe(TEXT),
        scopes={**array(one_of("admin", "decode", "open", "read", "write")), "minItems": 1},
        acts_for=array(TEXT),
        may_assert=BOOL,
        expires_at={"type": ["string", "integer", "null"]},
    ),
    "Enrolment": closed(("key_id", "public_key"), key_id=maybe(TEXT), public_key=maybe(TEXT)),
    "OneViewer": closed(viewer=TEXT),
    "AnyViewer": closed(("viewer",), viewer=maybe(TEXT)),
}
