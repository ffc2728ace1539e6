"""Keys of every kind: what they wrap opens with its own half only, and none of them shows a secret."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM1024PrivateKey

from tera.codec.grouping import open_front
from tera.codec.recipients import (
    DEFAULT_ARGON2,
    DecapsulatorKey,
    Identity,
    KeyEncryptionKey,
    Passphrase,
    PrivateKey,
    PublicKey,
    generate_key,
)
from tera.crypto import kem
from tera.crypto.random import Random, system
from tera.errors import BadStanza, TeraError
from tera.format import access
from tera.format.access import Stanza
from tests.codec.sealed import KEK, contents, front_of, opened, seal

BIND = bytes(range(32))
SHARE = b"s" * 32
CHEAP = (19_456, 1, 1)
KINDS = ["xwing", "mlkem1024-p384", "mlkem768", "mlkem1024"]
PURE = ["mlkem768", "mlkem1024"]


def refused(code: str, call: Callable[[], object]) -> TeraError:
    with pytest.raises(TeraError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def wrapped(recipient: Any, *, bind: bytes = BIND, group: int = 5) -> Stanza:
    found: Stanza = recipient.wrap(SHARE, bind, group, system)
    assert found.group == group
    return found


# --- key pairs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_opens_what_its_public_half_wrapped_for_this_container(kind: str) -> None:
    key, stranger = generate_key(kind), generate_key(kind)
    stanza = wrapped(key.public)
    assert (stanza.type, stanza.params, len(stanza.hint)) == (kem.by_name(kind).type, [], 4)
    assert key.unwrap(stanza, BIND) == SHARE
    assert stranger.unwrap(stanza, BIND) is None
    refused("bad_stanza", lambda: key.unwrap(stanza, bytes(32)))
    for other in KINDS:
        if other != kind:
            assert generate_key(other).unwrap(stanza, BIND) is None
    assert wrapped(key.public).ct != stanza.ct


@pytest.mark.parametrize("kind", KINDS)
def test_hint_and_fingerprint_are_those_of_the_text(kind: str) -> None:
    public = generate_key(kind).public
    stanza = wrapped(public)
    enc = stanza.ct[: public.kem.enc_length]
    assert stanza.hint == hmac.digest(hashlib.sha256(public.raw).digest(), b"tera/v1 hint\0" + enc, "sha256")[:4]
    label = b"tera/v1/fpr\0" + public.kem.type.to_bytes(2, "big")
    assert public.fingerprint == hashlib.sha256(label + public.raw).digest()


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_hint_a_key_that_does_not_open_is_no_error(kind: str) -> None:
    key = generate_key(kind)
    stanza = wrapped(PublicKey(key.kem.type, key.public.raw, anonymous=True))
    assert stanza.hint == b""
    assert key.unwrap(stanza, BIND) == SHARE
    assert generate_key(kind).unwrap(stanza, BIND) is None
    assert key.unwrap(stanza, bytes(32)) is None


@pytest.mark.parametrize("kind", PURE)
def test_both_backends_open_what_either_wrapped(kind: str) -> None:
    key = generate_key(kind)
    other = PrivateKey(key.kem.type, key.seed, backend="pqcrypto")
    assert other.public == key.public
    for backend in ("cryptography", "pqcrypto"):
        stanza = wrapped(PublicKey(key.kem.type, key.public.raw, backend=backend))
        assert key.unwrap(stanza, BIND) == other.unwrap(stanza, BIND) == SHARE


def test_a_key_is_its_type_and_bytes() -> None:
    key = generate_key("mlkem768")
    same = PublicKey(key.kem.type, key.public.raw, anonymous=True)
    assert {key.public, same} == {same}
    assert key.public != generate_key("mlkem768").public
    assert key.public != key.public.raw


@pytest.mark.parametrize("type", [0, 5, access.ARGON2ID, access.KEK, access.AUTHORITY_XWING, -1])
def test_a_type_that_is_no_key_pair_is_refused(type: int) -> None:
    refused("bad_key", lambda: PublicKey(type, bytes(1_184)))
    refused("bad_key", lambda: PrivateKey(type, bytes(32)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_another_length_is_refused(kind: str) -> None:
    key = generate_key(kind)
    for length in (0, 31, len(key.public.raw) - 1, len(key.public.raw) + 1):
        refused("bad_key", lambda length=length: PublicKey(key.kem.type, bytes(length)))  # type: ignore[misc]
    for length in (0, len(key.seed) - 1, len(key.seed) + 1):
        refused("bad_key", lambda length=length: PrivateKey(key.kem.type, bytes(length)))  # type: ignore[misc]


def test_a_key_is_made_of_the_randomness_that_it_is_given() -> None:
    for kind in KINDS:
        seed = bytes(range(kem.by_name(kind).seed_length))
        key = generate_key(kind, random=lambda length: bytes(range(length)))
        assert key.seed == seed
        assert key.public == PrivateKey(key.kem.type, seed).public
    refused("bad_input", lambda: generate_key("x25519"))


def test_no_key_shows_its_secret() -> None:
    secret = "correct horse"
    keys = [*(generate_key(kind) for kind in KINDS), Passphrase(secret), KeyEncryptionKey(b"\xab" * 32, b"name")]
    for key in keys:
        shown = f"{key!r} {key}"
        assert secret not in shown
        assert "ab" * 8 not in shown
        assert "\\xab" not in shown
        if isinstance(key, PrivateKey):
            assert key.seed.hex() not in shown
            assert repr(key.seed) not in shown
            with pytest.raises(TypeError):
                pickle.dumps(key)
    assert "name" in repr(keys[-1])


# --- passphrases ------------------------------------------------------------------------------------


def test_a_passphrase_is_one_however_it_was_typed() -> None:
    composed, apart = "caf\u00e9 \u1e9b\u0323", "cafe\u0301 \u017f\u0323\u0307"
    assert composed != apart
    stanza = wrapped(Passphrase(composed, cost=CHEAP))
    assert Passphrase(apart, cost=CHEAP).unwrap(stanza, BIND) == SHARE
    for wrong in ("cafe \u1e9b\u0323", composed + " ", " " + composed, composed.upper(), "\ufb01", "fi"):
        assert Passphrase(wrong, cost=CHEAP).unwrap(stanza, BIND) is None


def test_a_stanza_states_its_own_cost_and_a_fresh_salt() -> None:
    cheap = Passphrase("x", cost=(19_456, 2, 3))
    stanzas = [wrapped(cheap) for _ in range(3)]
    assert all(stanza.params[:3] == [19_456, 2, 3] for stanza in stanzas)
    assert len({stanza.params[3] for stanza in stanzas}) == 3
    assert {len(stanza.params[3]) for stanza in stanzas} == {16}
    assert Passphrase("x").unwrap(stanzas[0], BIND) == SHARE
    assert Passphrase("x").unwrap(stanzas[0], bytes(32)) is None
    assert DEFAULT_ARGON2 == (256 << 10, 3, 4)


@pytest.mark.parametrize("words", ["", "\ud800", "a\udfffb"])
def test_what_is_no_passphrase_is_refused(words: str) -> None:
    error = refused("bad_input", lambda: Passphrase(words))
    assert words == "" or words not in str(error)


def test_a_passphrase_looks_at_no_other_stanza() -> None:
    words = Passphrase("x", cost=CHEAP)
    for recipient in (KEK, generate_key().public):
        assert words.unwrap(wrapped(recipient), BIND) is None


# --- key-encryption keys ----------------------------------------------------------------------------


def test_a_kek_is_tried_under_its_own_name_only() -> None:
    key = KeyEncryptionKey(bytes(32), b"one")
    stanza = wrapped(key)
    assert stanza.params[0] == b"one"
    assert key.unwrap(stanza, BIND) == SHARE
    assert KeyEncryptionKey(bytes(32), b"two").unwrap(stanza, BIND) is None
    assert KeyEncryptionKey(b"\1" * 32, b"one").unwrap(stanza, BIND) is None
    assert key.unwrap(stanza, bytes(32)) is None
    assert key.unwrap(wrapped(generate_key().public), BIND) is None
    for name in (b"", b"x" * 64):
        named = KeyEncryptionKey(bytes(32), name)
        assert named.unwrap(wrapped(named), BIND) == SHARE


# --- keys that are elsewhere ------------------------------------------------------------------------


class Token:
    """What a PKCS#11 token or a KMS offers: an ML-KEM key that never leaves it."""

    def __init__(self, kind: str) -> None:
        self._key: Any = (MLKEM768PrivateKey if kind == "mlkem768" else MLKEM1024PrivateKey).generate()
        self.used = 0

    @property
    def public(self) -> bytes:
        raw: bytes = self._key.public_key().public_bytes_raw()
        return raw

    def decapsulate(self, enc: bytes) -> bytes:
        self.used += 1
        shared: bytes = self._key.decapsulate(enc)
        return shared


@pytest.mark.parametrize("kind", PURE)
def test_a_token_opens_a_container(kind: str) -> None:
    token = Token(kind)
    identity = DecapsulatorKey(token)
    others = [generate_key(kind).public for _ in range(5)]
    data = seal(recipients=[*others, identity.public])
    with opened(data, identity) as container:
        assert contents(container)
        assert container.group == 5
    assert token.used == 1  # a token may ask for a finger each time: hints spare it the stanzas of others
    refused("no_key", lambda: opened(data, DecapsulatorKey(Token(kind))))
    assert identity.public == PublicKey(kem.by_name(kind).type, token.public)


def test_a_token_with_another_key_is_refused() -> None:
    for length in (0, 32, 1_183, 1_216, 1_665):

        class Odd:
            public = bytes(length)

            def decapsulate(self, enc: bytes) -> bytes:
                return enc[:32]

        with pytest.raises(TeraError) as caught:
            DecapsulatorKey(Odd())
        assert caught.value.code == "bad_key"


def test_a_token_that_gives_something_else_opens_nothing() -> None:
    class Lying(Token):
        def decapsulate(self, enc: bytes) -> bytes:
            return bytes(32)

    for anonymous, code in ((False, "bad_stanza"), (True, "no_key")):
        identity = DecapsulatorKey(Lying("mlkem768"))
        identity.public.anonymous = anonymous
        data = seal(recipients=[identity.public])
        refused(code, lambda data=data, identity=identity: opened(data, identity))  # type: ignore[misc]


def test_an_error_of_the_token_passes_through() -> None:
    class Locked(Exception):
        pass

    class Busy(Token):
        def decapsulate(self, enc: bytes) -> bytes:
            raise Locked

    identity = DecapsulatorKey(Busy("mlkem1024"))
    with pytest.raises(Locked):
        opened(seal(recipients=[identity.public]), identity)


class Kms:
    """Recipient and identity at once: a service that keeps key-encryption keys by name and hands them out."""

    def __init__(self, name: str) -> None:
        self._keys = {name.encode(): system(32)}
        self.fetched: list[bytes] = []

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        return KeyEncryptionKey(*next((key, name) for name, key in self._keys.items())).wrap(share, bind, group, random)

    def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
        if stanza.type != access.KEK or stanza.params[0] not in self._keys:
            return None
        self.fetched.append(stanza.params[0])
        return KeyEncryptionKey(self._keys[stanza.params[0]], stanza.params[0]).unwrap(stanza, bind)


def test_a_key_service_is_a_recipient_and_an_identity() -> None:
    kms, other = Kms("projects/a/keys/1"), Kms("projects/a/keys/2")
    assert isinstance(kms, Identity)
    data = seal(recipients=[other, [kms, KEK]])
    with opened(data, kms, KEK) as container:
        assert contents(container)
        assert container.group == 1
    assert (kms.fetched, other.fetched) == ([b"projects/a/keys/1"], [])
    refused("no_key", lambda: opened(data, kms))
    assert open_front(front_of(data), [other])[2] == 0


def test_an_identity_that_says_the_stanza_was_changed_is_believed() -> None:
    class Strict(Kms):
        def unwrap(self, stanza: Stanza, bind: bytes) -> bytes | None:
            raise BadStanza("the service refuses it")

    assert "refuses" in str(refused("bad_stanza", lambda: opened(seal(), Strict("x"))))


def test_a_text_is_no_recipient() -> None:
    for wrong in ("teraxwing1qqqq", 5, None, b"key", [KEK, "teraxwing1qqqq"]):
        error = refused("bad_input", lambda wrong=wrong: seal(recipients=[wrong]))  # type: ignore[misc]
        assert "parse_recipient" in str(error.hint)
    refused("bad_input", lambda: seal(recipients="teraxwing1qqqq"))
    refused("bad_input", lambda: seal(recipients=[generate_key()]))  # the private half wraps nothing
