"""A key, tag, digest or signature does not fit."""

from __future__ import annotations

from tera.errors.families import Unauthentic


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


class WrongAuthority(Unauthentic):
    """A request for another authority, or for a container that does not name this one."""

    code = "wrong_authority"


class RequestSignature(Unauthentic):
    code = "request_signature"


class UnknownViewer(Unauthentic):
    """Nobody vouches for the caller, or two things are said of who it is."""

    code = "unknown_viewer"
    default_hint = "the authority's owner enrols a viewer's key with `tera authority enrol`"


class AnswerSignature(Unauthentic):
    """An answer that is not signed by the authority that was asked."""

    code = "answer_signature"


class AnswerSwapped(Unauthentic):
    """An authentic answer to another request."""

    code = "answer_swapped"


class ShareRefused(Unauthentic):
    """The authority's share does not open: which of key, stanza and header is wrong is not told."""

    code = "share_refused"


class BadCredentials(Unauthentic):
    """No API key, a wrong one, or one that is over."""

    code = "bad_credentials"
