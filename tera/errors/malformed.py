"""The bytes of a container, or of another input, do not follow their grammar."""

from __future__ import annotations

from tera.errors.families import Malformed

# --- the container


class NotTera(Malformed):
    code = "not_tera"
    exit = 10


class UnsupportedVersion(Malformed):
    code = "unsupported_version"
    exit = 10
    default_hint = "a newer tera may read it"


class Truncated(Malformed):
    code = "truncated"
    default_hint = "fetch the file again; `tera decode --stream` writes the whole files before its end"


class TrailingData(Malformed):
    code = "trailing_data"


class BadSection(Malformed):
    code = "bad_section"


class NotCanonical(Malformed):
    code = "not_canonical"


class BadCore(Malformed):
    code = "bad_core"


class UnknownFeature(Malformed):
    code = "unknown_feature"
    default_hint = "a newer tera may read it"


class BadPolicy(Malformed):
    code = "bad_policy"


class BadAccess(Malformed):
    code = "bad_access"


class BadTrailer(Malformed):
    code = "bad_trailer"


class BadLayout(Malformed):
    code = "bad_layout"


class BadRecord(Malformed):
    code = "bad_record"


class BadFrame(Malformed):
    code = "bad_frame"


class BadManifest(Malformed):
    code = "bad_manifest"


class BadIndex(Malformed):
    code = "bad_index"


class BadPath(Malformed):
    code = "bad_path"


class BadEvent(Malformed):
    """An event of an audit log that is none."""

    code = "bad_event"


class BadCheckpoint(Malformed):
    """A signed note, or the checkpoint in it, that does not have its form."""

    code = "bad_checkpoint"


class LimitExceeded(Malformed):
    code = "limit_exceeded"
    default_hint = "if you trust the writer, raise the limit that is named"


# --- other inputs


class BadKey(Malformed):
    """A key file, key text or PEM that cannot be read as a key."""

    code = "bad_key"
    exit = 2


class BadInput(Malformed):
    """An argument of the caller: a manifest, a tag, a path that no container can hold."""

    code = "bad_input"
    exit = 2


class BadBlocklist(Malformed):
    code = "bad_blocklist"
    default_hint = "fetch the block list again"


class BadRequest(Malformed):
    """A request for a share, or a report, that does not have its form."""

    code = "bad_request"


class BadAnswer(Malformed):
    """An authority's answer that does not have its form."""

    code = "bad_answer"
