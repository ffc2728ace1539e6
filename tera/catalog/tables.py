"""The tables: one schema for SQLite and PostgreSQL.

The law of this file: every column is here, with its unit; what is read or written is `catalog`'s other files'. Times
are integers: seconds since 1970 UTC where the name ends in `_at`, milliseconds in `t`. Ids that clients see are text
in ASCII, sorted by bytes; digests and hashes are bytes.

    org, api_key, viewer         who may do what
    container, container_tag     what is in the library; a row is written after its blob
    org_key                      the public halves of an organisation's keys
    org_secret                   the secret ones, wrapped, where processes share no folder
    log_*                        one audit log an organisation: an RFC 6962 tree over salt || event
    opens, kept, envelope, mark, enrolled, reported, session      what its authority remembers
    answer                       idempotency; failure, lockout: too many wrong tries
    setting                      of the whole installation; alembic_version: which of these tables there are
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData()
VERSION: Final = "0001"
"""Of the tables: the newest of `tera.catalog.migrations`. Who changes a table adds a migration; a test compares."""

# Text that is compared by bytes on both databases.
_ID: Final = String(64, collation=None).with_variant(String(64, collation="C"), "postgresql")
_KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
_NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")


def _table(name: str, *columns: Any) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


alembic_version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

setting = _table("setting", Column("name", _ID, primary_key=True), Column("value", Text, nullable=False))

org = _table(
    "org",
    Column("id", _ID, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", _KEY, nullable=False),
    Column("created_at", _NUMBER, nullable=False),
    Column("disabled_at", _NUMBER),
    Column("quota_bytes", _NUMBER),
    Column("quota_containers", _NUMBER),
    Column("used_bytes", _NUMBER, nullable=False, default=0),
    Column("used_containers", _NUMBER, nullable=False, default=0),
)

api_key = _table(
    "api_key",
    Column("id", _ID, primary_key=True),
    Column("org_id", _ID, nullable=False, index=True),
    Column("secret", LargeBinary, nullable=False),  # SHA-256
    Column("name", Text, nullable=False),
    Column("owner", _KEY, nullable=False),  # the address that it acts as
    Column("scopes", Text, nullable=False),  # sorted, joined by spaces
    Column("acts_for", Text, nullable=False, default=""),  # addresses, joined by spaces: a delegating key
    Column("may_assert", Boolean, nullable=False, default=False),  # the viewer's place
    Column("creator", _KEY, nullable=False),
    Column("created_at", _NUMBER, nullable=False),
    Column("expires_at", _NUMBER),
    Column("revoked_at", _NUMBER),
    Column("last_used_at", _NUMBER),
)

viewer = _table(
    "viewer",
    Column("org_id", _ID, primary_key=True),
    Column("email", _KEY, primary_key=True),
    Column("key_id", _ID),  # an API key with the scope open
    Column("fingerprint", LargeBinary),  # of a public signing key
    Column("public", LargeBinary),
    Column("created_at", _NUMBER, nullable=False),
)

org_key = _table(
    "org_key",
    Column("org_id", _ID, primary_key=True),
    Column("kid", _ID, primary_key=True),
    Column("type", _ID, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("created_at", _NUMBER, nullable=False),
    Column("retired_at", _NUMBER),
)

org_secret = _table(
    "org_secret",
    Column("org_id", _ID, primary_key=True),
    Column("body", Text, nullable=False),  # its secret keys, wrapped under the master key, which is in no row
)

container = Table(
    "container",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("id", _ID, nullable=False, unique=True),
    Column("org_id", _ID, nullable=False),
    Column("name", _KEY, nullable=False),
    Column("owner", _KEY, nullable=False),
    Column("status", _ID, nullable=False),  # ACTIVE, BLOCKED or DELETED
    Column("reason", Text),
    Column("origin", _ID, nullable=False),  # encoded or uploaded
    Column("created_at", _NUMBER, nullable=False),
    Column("core_id", LargeBinary, nullable=False),
    Column("bind", LargeBinary, nullable=False),
    Column("digest", _ID, nullable=False),  # hex of container_digest
    Column("sha256", _ID, nullable=False),
    Column("size", _NUMBER, nullable=False),
    Column("entries", _NUMBER, nullable=False),
    Column("blob", _KEY, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("tags", Text, nullable=False),  # JSON, sorted
    Column("drm", Text, nullable=False),  # the rules in force, as a manifest has them; JSON
    Column("rules", LargeBinary, nullable=False),  # the same, in their one form
    Column("dynamic", Boolean, nullable=False),
    Column("version", _NUMBER, nullable=False),  # of the rules
    Index("container_by_org", "org_id", "seq"),
    Index("container_by_name", "org_id", "name", "seq"),
    Index("container_by_digest", "org_id", "digest"),
    Index("container_by_sha256", "org_id", "sha256"),
    Index("container_by_bind", "bind"),
    Index("container_by_blob", "blob"),
    Index("container_by_time", "org_id", "created_at", "seq"),
    sqlite_autoincrement=True,  # a number is never given twice: cursors hold it
)

container_tag = _table(
    "container_tag",
    Column("org_id", _ID, primary_key=True),
    Column("tag", _KEY, primary_key=True),
    Column("seq", _NUMBER, primary_key=True),
)

# --- the log, one an organisation -----------------------------------------------------------------------

log_event = _table(
    "log_event",
    Column("org_id", _ID, primary_key=True),
    Column("idx", _NUMBER, primary_key=True, autoincrement=False),
    Column("t", _NUMBER, nullable=False),
    Column("kind", _ID, nullable=False),
    Column("id", LargeBinary),
    Column("bind", LargeBinary),
    Column("sub", LargeBinary),
    Column("viewer", _KEY),
    Column("salt", LargeBinary),  # 16 bytes; with the event it may be erased, and the proofs still hold
    Column("data", LargeBinary),
    Index("log_event_t", "org_id", "t"),
    Index("log_event_kind", "org_id", "kind", "idx"),
    Index("log_event_id", "org_id", "id", "idx"),
    Index("log_event_bind", "org_id", "bind", "idx"),
    Index("log_event_sub", "org_id", "sub", "idx"),
    Index("log_event_viewer", "org_id", "viewer", "idx"),
)

log_node = _table(
    "log_node",
    Column("org_id", _ID, primary_key=True),
    Column("idx", _NUMBER, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

log_checkpoint = _table(
    "log_checkpoint",
    Column("org_id", _ID, primary_key=True),
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("t", _NUMBER, nullable=False),
    Column("note", LargeBinary, nullable=False),
)

# --- what an organisation's authority remembers ---------------------------------------------------------

opens = _table(
    "opens",
    Column("org_id", _ID, primary_key=True),
    Column("bind", LargeBinary, primary_key=True),
    Column("viewer", _KEY, primary_key=True),
    Column("count", _NUMBER, nullable=False),
    Column("first", _NUMBER, nullable=False),
)

kept = _table(
    "kept",
    Column("org_id", _ID, primary_key=True),
    Column("request", LargeBinary, primary_key=True),
    Column("viewer", _KEY, nullable=False),
    Column("bind", LargeBinary, nullable=False),
    Column("session", LargeBinary, nullable=False),
    Column("before", _NUMBER, nullable=False),
    Column("issued_at", _NUMBER, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Index("kept_issued", "org_id", "issued_at"),
)

envelope = _table(
    "envelope",
    Column("org_id", _ID, primary_key=True),
    Column("signer", LargeBinary, primary_key=True),
    Column("policy", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

mark = _table(
    "mark",
    Column("org_id", _ID, primary_key=True),
    Column("kind", _ID, primary_key=True),
    Column("signer", LargeBinary, primary_key=True),
    Column("name", LargeBinary, primary_key=True),
    Column("version", _NUMBER, nullable=False),
    Column("digest", LargeBinary, nullable=False),
)

reported = _table(
    "reported",
    Column("org_id", _ID, primary_key=True),
    Column("device", LargeBinary, primary_key=True),
    Column("count", _NUMBER, nullable=False),
)

session = _table(
    "session",
    Column("org_id", _ID, primary_key=True),
    Column("container_id", _ID, primary_key=True),
    Column("viewer", _KEY, primary_key=True),
    Column("before", _NUMBER, nullable=False),
    Column("began_at", _NUMBER, nullable=False),
)

# --- answers given before, and failures -----------------------------------------------------------------

answer = _table(
    "answer",
    Column("key_id", _ID, primary_key=True),
    Column("method", _ID, primary_key=True),
    Column("path", _KEY, primary_key=True),
    Column("name", _KEY, primary_key=True),  # the Idempotency-Key
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer),  # null while it is in flight
    Column("body", Text),
    Column("created_at", _NUMBER, nullable=False, index=True),
)

failure = _table(
    "failure",
    Column("address", _ID, primary_key=True),
    Column("minute", _NUMBER, primary_key=True),
    Column("count", _NUMBER, nullable=False),
)

lockout = _table(
    "lockout",
    Column("container_id", _ID, primary_key=True),
    Column("viewer", _KEY, primary_key=True),
    Column("count", _NUMBER, nullable=False),
)
