"""Every failure of tera, and whose fault it is.

The law of this file: nothing else is raised on purpose below `tera.cli`, and no exception of a
library leaks through. There are five families: `Malformed` (the file or another input does not
follow its grammar), `Unauthentic` (a key, tag, digest or signature does not fit), `Denied` (a rule
or a block), `NotFound`, and `Unavailable` (the outside world). Each leaf carries a stable `code`,
which the specification and its vectors use, and an `exit` status for the command line.

A message is one line that says what is wrong; `hint` says what to do. Neither ever holds key
material, passphrases or plaintext.
"""

from __future__ import annotations

from typing import ClassVar


class TeraError(Exception):
    """The root of the tree; catch this to catch everything that tera raises."""

    code: ClassVar[str] = "error"
    exit: ClassVar[int] = 1
    default_hint: ClassVar[str | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        # A name in it may hold line ends, or what a terminal obeys.
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in message))
        self.hint = hint if hint is not None else self.default_hint


class Malformed(TeraError):
    """The bytes do not follow the grammar; no key could make them valid."""

    code = "malformed"
    exit = 13


class Unauthentic(TeraError):
    """The bytes follow the grammar, but a key, tag, digest or signature does not fit."""

    code = "unauthentic"
    exit = 13


class Denied(TeraError):
    """The key may fit, but a rule or a block forbids."""

    code = "denied"
    exit = 15


class NotFound(TeraError):
    """What was asked for by name is not there."""

    code = "not_found"
    exit = 1


class Unavailable(TeraError):
    """The outside world: files, disks, pipes, services."""

    code = "unavailable"
    exit = 4


# --- Malformed: the container -----------------------------------------------------------------


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


# --- Malformed: other inputs ------------------------------------------------------------------


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


# --- Unauthentic ------------------------------------------------------------------------------


class NoKey(Unauthentic):
    code = "no_key"
    exit = 11
    default_hint = "give the identity of a recipient with -i"


class WrongPassphrase(Unauthentic):
    code = "wrong_passphrase"
    exit = 12


class BadStanza(Unauthentic):
    """A stanza that names this key does not open: the header or the stanza was changed."""

    code = "bad_stanza"


class KeyCommitment(Unauthentic):
    code = "key_commitment"


class AccessMac(Unauthentic):
    code = "access_mac"


class SegmentCommitment(Unauthentic):
    code = "segment_commitment"


class BadChunk(Unauthentic):
    code = "bad_chunk"


class BadRoot(Unauthentic):
    code = "bad_root"


class BadDigest(Unauthentic):
    code = "bad_digest"


class TrailerMac(Unauthentic):
    code = "trailer_mac"


class BadSignature(Unauthentic):
    code = "bad_signature"


class MissingSignature(Unauthentic):
    code = "missing_signature"


class PolicyUnsigned(Unauthentic):
    """A policy without any signature: they were stripped, or it was never signed."""

    code = "policy_unsigned"


class PolicySigner(Unauthentic):
    """A policy that is signed, but by nobody whom the container names."""

    code = "policy_signer"


class PolicySignature(Unauthentic):
    code = "policy_signature"


class PolicySwapped(Unauthentic):
    """An authentic policy of another container, or another policy."""

    code = "policy_swapped"


class BlocklistIssuer(Unauthentic):
    """A block list of somebody whom the reader does not trust."""

    code = "blocklist_issuer"
    default_hint = "if it should count, name its issuer in the configuration"


class BlocklistSignature(Unauthentic):
    code = "blocklist_signature"


class BlocklistDigest(Unauthentic):
    """A part of a block list is not the one that its issuer signed."""

    code = "blocklist_digest"
    default_hint = "fetch the block list again"


class BadLogProof(Unauthentic):
    """A proof of inclusion or of consistency that leads to another root."""

    code = "bad_log_proof"


class BadLog(Unauthentic):
    """An audit log that was changed: an event, a hash or a checkpoint does not fit the others."""

    code = "bad_log"
    default_hint = "keep the file as it is: a copy and an older checkpoint show what was changed"


# --- Denied -----------------------------------------------------------------------------------


class Blocked(Denied):
    code = "blocked"
    exit = 14


class RuleDenied(Denied):
    code = "rule_denied"


class UnsupportedRule(Denied):
    code = "unsupported_rule"


class PolicyRollback(Denied):
    """An authentic policy, older than the container or the reader's memory allows."""

    code = "policy_rollback"
    default_hint = "fetch the container, or its policy, again"


class PolicyExpired(Denied):
    code = "policy_expired"
    default_hint = "fetch the container, or its policy, again; its owner renews it with `tera policy update`"


class BlocklistRollback(Denied):
    code = "blocklist_rollback"
    default_hint = "fetch the block list again"


class StaleBlocklist(Denied):
    code = "stale_blocklist"
    default_hint = "fetch the block list again"


class MissingBlocklist(Denied):
    """A block list that the configuration asks for is not there."""

    code = "missing_blocklist"
    default_hint = "fetch the block list"


# --- NotFound ---------------------------------------------------------------------------------


class NoSuchEntry(NotFound):
    code = "no_such_entry"


class NoSuchEvent(NotFound):
    code = "no_such_event"


# --- Unavailable ------------------------------------------------------------------------------


class InputUnavailable(Unavailable):
    code = "input_unavailable"


class InputChanged(Unavailable):
    code = "input_changed"
    default_hint = "try again when nothing writes to it, or seal a snapshot"


class OutputExists(Unavailable):
    code = "output_exists"
    default_hint = "-f overwrites"


class OutputUnavailable(Unavailable):
    code = "output_unavailable"


class UnsafeTarget(Unavailable):
    """The target folder cannot hold a name as it is, or a link stands in the way."""

    code = "unsafe_target"


class InterruptedRewrap(Unavailable):
    code = "interrupted_rewrap"
    default_hint = "`tera recover` restores it"


class AuthorityUnavailable(Unavailable):
    code = "authority_unavailable"


class LogUnavailable(Unavailable):
    """The database of an audit log cannot be read or written."""

    code = "log_unavailable"


class ClockBehind(Unavailable):
    """Something authentic was issued after the time that this machine's clock shows."""

    code = "clock_behind"
    default_hint = "set this machine's clock"
