"""Key files: one text for one key, and what is no such key is refused without being quoted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.codec import keyfile
from tera.codec.recipients import PrivateKey, PublicKey
from tera.codec.signers import VerifyingKey, signer_fingerprint
from tera.crypto import kem, pem
from tera.crypto.hashes import fingerprint
from tera.crypto.signing import SigningKey
from tera.errors import BadKey, TeraError, WrongPassphrase
from tera.wire import bech32

KEYS = {row.type: PrivateKey(row.type, bytes(range(row.seed_length))) for row in kem.KEMS.values()}
SIGNER = SigningKey(bytes(range(64)))
ALL: list[PrivateKey | SigningKey] = [*KEYS.values(), SIGNER]
PREFIXES = {1: "teraxwing1", 2: "terap3841", 3: "teramlkem7681", 4: "teramlkem10241"}
SECRETS = {1: "TERA-SECRET-XWING-1", 2: "TERA-SECRET-P384-1", 3: "TERA-SECRET-MLKEM768-1", 4: "TERA-SECRET-MLKEM1024-1"}

# A pair that age 1.3 made; of the recipient its first and last 40 characters (the checksum covers the rest).
AGE_SECRET = "AGE-SECRET-KEY-PQ-16XDSLZ3XCSZ3236YJ5J0T9NAPLZTP96LJKQCVHJYUDTQVJR5J5PQTDPQCX"
AGE_PUBLIC = ("age1pq1044e3hfmq2tltgck54m0gnpv8rfrwkdxj", "yslfynr0h9wkranhyadxf33kjn9xpg2fq5hnlq0")
AGE_CLASSIC = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
AGE_CLASSIC_SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", kem.KEMS.values(), ids=lambda row: row.name)
def test_keys_come_back(row: kem.Kem) -> None:
    key = KEYS[row.type]
    public, secret = keyfile.dump_public(key), keyfile.dump_secret(key)
    assert public.startswith(PREFIXES[row.type])
    assert secret.startswith(SECRETS[row.type])
    assert keyfile.parse_recipient(public) == key.public
    assert keyfile.parse_identity(secret).seed == key.seed
    assert keyfile.dump_public(key.public) == public


def test_signing_keys_come_back() -> None:
    public, secret = keyfile.dump_public(SIGNER), keyfile.dump_secret(SIGNER)
    assert public.startswith("terasign1")
    assert secret.startswith("TERA-SECRET-SIGN-1")
    found = keyfile.parse_verifier(public)
    assert (found.raw, found.fingerprint) == (SIGNER.public, signer_fingerprint(SIGNER.public))
    assert found.fingerprint == fingerprint(0x0101, SIGNER.public)
    assert keyfile.dump_public(found) == public
    [signer] = keyfile.load_signers(secret, where="s.txt")
    assert signer.seed == SIGNER.seed


def test_keys_of_age_1_3_are_x_wing_keys() -> None:
    key = keyfile.parse_identity(AGE_SECRET)
    assert key.kem is kem.XWING
    recipient = bech32.encode("age1pq", key.public.raw)
    assert (recipient[:40], recipient[-39:]) == AGE_PUBLIC
    assert keyfile.parse_recipient(recipient) == key.public
    assert keyfile.dump_public(key).startswith("teraxwing1")


def test_a_file_may_have_comments_blank_lines_and_any_line_ends() -> None:
    one, two = (keyfile.dump_public(KEYS[number]) for number in (1, 2))
    text = f"\ufeff# mine\r\n\r\n  {one}  \r\n#{two}\n\n{two}"
    found = keyfile.load_recipients(text.encode("utf-8"), where="pub.txt")
    assert found == [KEYS[1].public, KEYS[2].public]


@pytest.mark.parametrize("number", [3, 4])
def test_pem_keys_stand_beside_others(number: int) -> None:
    key = KEYS[number]
    public = pem.dump_public(number, key.public.raw).decode()
    found = keyfile.load_recipients(f"{keyfile.dump_public(KEYS[1])}\n{public}\n# end\n", where="pub.txt")
    assert found == [KEYS[1].public, key.public]
    secret = pem.dump_private(number, key.seed, None) + keyfile.dump_secret(KEYS[1]).encode()
    assert [one.seed for one in keyfile.load_identities(secret, where="key.pem")] == [key.seed, KEYS[1].seed]


def test_an_encrypted_pem_key_asks_for_its_passphrase() -> None:
    asked: list[int] = []

    def password() -> bytes:
        asked.append(1)
        return b"pass"

    secret = pem.dump_private(3, KEYS[3].seed, b"pass")
    assert keyfile.load_identities(secret, where="key.pem", password=password)[0].seed == KEYS[3].seed
    assert asked == [1]
    keyfile.load_identities(keyfile.dump_secret(KEYS[1]), where="key.txt", password=password)
    assert asked == [1]


def test_all_kinds_are_loaded_where_any_is_wanted() -> None:
    text = "\n".join(dump(key) for key in ALL for dump in (keyfile.dump_secret, keyfile.dump_public))
    found = keyfile.load_keys(text, where="all.txt")
    kinds = [type(key) for key in found]
    assert kinds == [PrivateKey, PublicKey] * 4 + [SigningKey, VerifyingKey]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", [AGE_CLASSIC, AGE_CLASSIC_SECRET, "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----"]
)
def test_a_key_that_a_quantum_computer_opens_is_refused(text: str) -> None:
    with pytest.raises(BadKey, match="quantum computer opens") as caught:
        keyfile.parse(text)
    assert "tera keygen" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("age1yubikey1qgg0a4h3vqj9jhv3jl7ndjxh2xw3cuhvsd92w5y3r8g5zdhc0vcqv0pvhmr", "plugin"),
        ("AGE-PLUGIN-YUBIKEY-1QQQQ", "plugin"),
        ("age-encryption.org/v1", "encrypted with age"),
        ("-----BEGIN AGE ENCRYPTED FILE-----", "encrypted with age"),
        ("-----BEGIN CERTIFICATE-----", "certificate"),
        ("-----BEGIN RSA PRIVATE KEY-----", "classical"),
        ("hello", "no prefix"),
        (bech32.encode("terafoo", bytes(32)), "no key that tera knows"),
    ],
)
def test_keys_of_others_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadKey, match=words):
        keyfile.parse(text)
    block = f"{text}\nAAAA\n{text.replace('BEGIN', 'END')}\n" if text.startswith("-----") else text
    with pytest.raises(BadKey, match=f"^key.txt:2: .*{words}"):
        keyfile.load_keys(f"# comment\n{block}", where="key.txt")


def test_the_wrong_case_is_refused() -> None:
    for key in ALL:
        with pytest.raises(BadKey, match="small letters"):
            keyfile.parse(keyfile.dump_public(key).upper())
        with pytest.raises(BadKey, match="capitals"):
            keyfile.parse(keyfile.dump_secret(key).lower())


@pytest.mark.parametrize("hrp", ["teraxwing", "terap384", "teramlkem768", "teramlkem1024", "terasign", "age1pq"])
def test_a_public_key_of_a_wrong_length_is_refused(hrp: str) -> None:
    for length in (0, 31, 32, 1215, 1217, 1983):
        with pytest.raises(BadKey, match="bytes, this one"):
            keyfile.parse(bech32.encode(hrp, bytes(length)))


@pytest.mark.parametrize("key", ALL, ids=repr)
def test_a_secret_key_of_a_wrong_length_is_refused(key: PrivateKey | SigningKey) -> None:
    hrp = keyfile.dump_secret(key).rpartition("1")[0].lower()
    for length in (0, len(key.seed) - 1, len(key.seed) + 1):
        with pytest.raises(BadKey, match="bytes, this one"):
            keyfile.parse(bech32.encode(hrp, bytes(length), upper=True))


@pytest.mark.parametrize("key", ALL, ids=repr)
def test_a_changed_letter_is_refused(key: PrivateKey | SigningKey) -> None:
    for text in (keyfile.dump_public(key), keyfile.dump_secret(key)):
        other = "Q" if text[-9] != "Q" and text.isupper() else "p" if text.islower() and text[-9] != "p" else "z"
        changed = text[:-9] + (other.upper() if text.isupper() else other) + text[-8:]
        with pytest.raises(BadKey, match="checksum"):
            keyfile.parse(changed)


LOADERS: list[tuple[Any, Any]] = [
    (keyfile.load_recipients, keyfile.dump_public(KEYS[1])),
    (keyfile.load_identities, keyfile.dump_secret(KEYS[1])),
    (keyfile.load_verifiers, keyfile.dump_public(SIGNER)),
    (keyfile.load_signers, keyfile.dump_secret(SIGNER)),
]


@pytest.mark.parametrize("loader", LOADERS, ids=lambda pair: pair[0].__name__)
def test_a_key_of_another_kind_is_refused_with_a_hint(loader: tuple[Any, str]) -> None:
    load, fits = loader
    assert len(load(fits, where="x")) == 1
    for other, text in LOADERS:
        if other is load:
            continue
        with pytest.raises(BadKey, match=r"^key\.txt:3: this is a (secret|public) key of another kind") as caught:
            load(f"# one\n\n{text}\n", where="key.txt")
        assert caught.value.hint


def test_a_secret_key_for_a_recipient_is_refused_with_the_way_to_its_public_half() -> None:
    with pytest.raises(BadKey) as caught:
        keyfile.parse_recipient(keyfile.dump_secret(KEYS[1]))
    assert "keygen -y" in str(caught.value.hint)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only a comment\n"])
def test_a_file_without_a_key_is_refused(data: bytes) -> None:
    with pytest.raises(BadKey, match="no key in it"):
        keyfile.load_identities(data, where="key.txt")


def test_a_file_that_is_not_text_is_refused() -> None:
    with pytest.raises(BadKey, match="not a text file") as caught:
        keyfile.load_identities(b"\x89TERA\r\n\x1a", where="x.tera")
    assert caught.value.hint == "this is a container"
    with pytest.raises(BadKey, match="not a text file"):
        keyfile.load_identities(b"\xff\xfe", where="key.txt")


def test_a_pem_block_without_an_end_is_refused() -> None:
    block = pem.dump_private(3, KEYS[3].seed, None).decode().splitlines()
    with pytest.raises(BadKey, match=r"^key\.pem:1: .*no end"):
        keyfile.load_identities("\n".join(block[:-1]), where="key.pem")


def test_a_wrong_or_missing_pem_passphrase_is_refused() -> None:
    secret = pem.dump_private(3, KEYS[3].seed, b"pass")
    with pytest.raises(WrongPassphrase, match=r"^key\.pem:1: "):
        keyfile.load_identities(secret, where="key.pem", password=lambda: b"other")
    with pytest.raises(WrongPassphrase):
        keyfile.load_identities(secret, where="key.pem")


def test_no_message_quotes_a_secret() -> None:
    for key in ALL:
        secret = keyfile.dump_secret(key)
        for text in (secret[:-1], secret + "Q", secret.lower(), secret.replace("1", "", 1), secret.title()):
            for load in (keyfile.load_recipients, keyfile.load_identities):
                with pytest.raises(BadKey) as caught:
                    load(text, where="key.txt")
                said = f"{caught.value} {caught.value.hint}".lower()
                assert secret[-20:-5].lower() not in said
        assert secret not in repr(key)


LINES = st.one_of(
    st.text(max_size=40),
    st.sampled_from([keyfile.dump_public(KEYS[1])[:60], AGE_CLASSIC, "-----BEGIN PRIVATE KEY-----", "age1pq1q"]),
    st.builds(bech32.encode, st.sampled_from(["teraxwing", "terasign"]), st.binary(max_size=40)),
)


@given(st.lists(LINES, max_size=4))
def test_no_text_brings_out_another_exception(lines: list[str]) -> None:
    with pytest.raises(TeraError):
        keyfile.load_keys("\n".join(lines), where="key.txt", password=lambda: b"x")


@given(st.binary(max_size=100))
def test_no_bytes_bring_out_another_exception(data: bytes) -> None:
    with pytest.raises(TeraError):
        keyfile.load_keys(data, where="key.txt")
