"""The first tables."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

ID: Final = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
KEY: Final = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "answer",
        sa.Column("key_id", ID, nullable=False),
        sa.Column("method", ID, nullable=False),
        sa.Column("path", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "method", "path", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_answer_created_at"), "answer", ["created_at"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("acts_for", sa.Text(), nullable=False),
        sa.Column("may_assert", sa.Boolean(), nullable=False),
        sa.Column("creator", KEY, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER, nullable=True),
        sa.Column("revoked_at", NUMBER, nullable=True),
        sa.Column("last_used_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_api_key_org_id"), "api_key", ["org_id"], unique=False)
    op.create_table(
        "container",
        sa.Column("seq", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("org_id", ID, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("owner", KEY, nullable=False),
        sa.Column("status", ID, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("origin", ID, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("core_id", sa.LargeBinary(), nullable=False),
        sa.Column("bind", sa.LargeBinary(), nullable=False),
        sa.Column("digest", ID, nullable=False),
        sa.Column("sha256", ID, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("entries", NUMBER, nullable=False),
        sa.Column("blob", KEY, nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("drm", sa.Text(), nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
        sa.Column("dynamic", sa.Boolean(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("container_by_bind", "container", ["bind"], unique=False)
    op.create_index("container_by_blob", "container", ["blob"], unique=False)
    op.create_index("container_by_digest", "container", ["org_id", "digest"], unique=False)
    op.create_index("container_by_name", "container", ["org_id", "name", "seq"], unique=False)
    op.create_index("container_by_org", "container", ["org_id", "seq"], unique=False)
    op.create_index("container_by_sha256", "container", ["org_id", "sha256"], unique=False)
    op.create_index("container_by_time", "container", ["org_id", "created_at", "seq"], unique=False)
    op.create_table(
        "container_tag",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("tag", KEY, nullable=False),
        sa.Column("seq", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "tag", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "envelope",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("policy", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "signer", "policy"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failure",
        sa.Column("address", ID, nullable=False),
        sa.Column("minute", NUMBER, nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("address", "minute"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kept",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("viewer", KEY, nullable=False),
        sa.Column("bind", sa.LargeBinary(), nullable=False),
        sa.Column("session", sa.LargeBinary(), nullable=False),
        sa.Column("before", NUMBER, nullable=False),
        sa.Column("issued_at", NUMBER, nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "request"),
        sqlite_with_rowid=False,
    )
    op.create_index("kept_issued", "kept", ["org_id", "issued_at"], unique=False)
    op.create_table(
        "lockout",
        sa.Column("container_id", ID, nullable=False),
        sa.Column("viewer", KEY, nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("container_id", "viewer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_checkpoint",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("size", NUMBER, autoincrement=False, nullable=False),
        sa.Column("t", NUMBER, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "size"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_event",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("idx", NUMBER, autoincrement=False, nullable=False),
        sa.Column("t", NUMBER, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=True),
        sa.Column("bind", sa.LargeBinary(), nullable=True),
        sa.Column("sub", sa.LargeBinary(), nullable=True),
        sa.Column("viewer", KEY, nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("org_id", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_index("log_event_bind", "log_event", ["org_id", "bind", "idx"], unique=False)
    op.create_index("log_event_id", "log_event", ["org_id", "id", "idx"], unique=False)
    op.create_index("log_event_kind", "log_event", ["org_id", "kind", "idx"], unique=False)
    op.create_index("log_event_sub", "log_event", ["org_id", "sub", "idx"], unique=False)
    op.create_index("log_event_t", "log_event", ["org_id", "t"], unique=False)
    op.create_index("log_event_viewer", "log_event", ["org_id", "viewer", "idx"], unique=False)
    op.create_table(
        "log_node",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("idx", NUMBER, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mark",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("signer", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "kind", "signer", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "opens",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("bind", sa.LargeBinary(), nullable=False),
        sa.Column("viewer", KEY, nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.Column("first", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "bind", "viewer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "org",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", KEY, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("disabled_at", NUMBER, nullable=True),
        sa.Column("quota_bytes", NUMBER, nullable=True),
        sa.Column("quota_containers", NUMBER, nullable=True),
        sa.Column("used_bytes", NUMBER, nullable=False),
        sa.Column("used_containers", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "org_key",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("kid", ID, nullable=False),
        sa.Column("type", ID, nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("retired_at", NUMBER, nullable=True),
        sa.PrimaryKeyConstraint("org_id", "kid"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "org_secret",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reported",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sa.Column("count", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "device"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("container_id", ID, nullable=False),
        sa.Column("viewer", KEY, nullable=False),
        sa.Column("before", NUMBER, nullable=False),
        sa.Column("began_at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "container_id", "viewer"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "setting",
        sa.Column("name", ID, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "viewer",
        sa.Column("org_id", ID, nullable=False),
        sa.Column("email", KEY, nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("public", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "email"),
        sqlite_with_rowid=False,
    )
