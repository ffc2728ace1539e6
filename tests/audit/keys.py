"""The keys of the logs in these tests."""

from __future__ import annotations

from tera.audit.notekeys import log_signers
from tera.crypto.signing import SigningKey

ORIGIN = "authority.example/log"
SIGNERS = log_signers(ORIGIN, SigningKey(bytes(range(64))))
KNOWN = [signer.verifier for signer in SIGNERS]
STRANGERS = log_signers(ORIGIN, SigningKey(bytes(range(1, 65))))
