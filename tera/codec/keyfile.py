"""Keys as text: one a line in Bech32, or ML-KEM keys in PEM; blank lines and `#` comments are allowed.

    public   teraxwing1…  terap3841…  teramlkem7681…  teramlkem10241…  terasign1…        small letters
    secret   TERA-SECRET-XWING-1…  -P384-1…  -MLKEM768-1…  -MLKEM1024-1…  -SIGN-1…       capitals, a seed
    of age   age1pq1…  AGE-SECRET-KEY-PQ-1…                                              X-Wing keys too

The law of this file: a key has one text of tera's, and no message ever quotes what was read: it may be a
secret, or a passphrase in the wrong file. A key that a quantum computer opens is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias, TypeVar

from tera.codec.recipients import PrivateKey, PublicKey
from tera.codec.signers import VerifyingKey
from tera.crypto import kem, pem
from tera.crypto.signing import SigningKey
from tera.errors import BadKey, TeraError
from tera.wire import bech32

Key: TypeAlias = PublicKey | PrivateKey | VerifyingKey | SigningKey
Password: TypeAlias = Callable[[], bytes]
"""Asked for the passphrase of an encrypted PEM key, and only then."""

_KEMS: Final = {
    "xwing": kem.XWING,
    "p384": kem.MLKEM1024_P384,
    "mlkem768": kem.MLKEM768,
    "mlkem1024": kem.MLKEM1024,
}
_NAMES: Final = {row: name for name, row in _KEMS.items()}
_PUBLIC: Final = {f"tera{name}": row for name, row in _KEMS.items()} | {"age1pq": kem.XWING}
_SECRET: Final = {f"tera-secret-{name}-": row for name, row in _KEMS.items()} | {"age-secret-key-pq-": kem.XWING}
_VERIFY: Final = "terasign"
_SIGN: Final = "tera-secret-sign-"

_QUANTUM: Final = "a quantum computer opens what is sealed to it"
_NEW_KEY: Final = "make a post-quantum key: `tera keygen -o key.txt`, or `age-keygen -pq` of age 1.3"
_DECRYPT: Final = "decrypt it and give it on standard input: age -d key.age | tera ... -i -"
_FOREIGN: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (re.compile(r"age1[02-9ac-hj-np-z]{58}"), f"this is a classical age recipient (X25519): {_QUANTUM}", _NEW_KEY),
    (re.compile(r"AGE-SECRET-KEY-1"), f"this is a classical age key (X25519): {_QUANTUM}", _NEW_KEY),
    (re.compile(r"ssh-|ecdsa-|sk-ssh-|-----BEGIN OPENSSH"), f"this is an SSH key: {_QUANTUM}", _NEW_KEY),
    (re.compile(r"-----BEGIN (RSA|EC|DSA) "), f"this is a classical key: {_QUANTUM}", _NEW_KEY),
    (re.compile(r"AGE-PLUGIN-|age1[a-z0-9-]+1"), "this is a key of an age plugin, which tera does not run", _NEW_KEY),
    (re.compile(r"age-encryption\.org/|-----BEGIN AGE ENC"), "this key file is encrypted with age", _DECRYPT),
    (re.compile(r"-----BEGIN CERTIFICATE"), "this is a certificate, not a key", "openssl x509 -pubkey prints its key"),
)
_BEGIN: Final = re.compile(r"-----BEGIN [A-Z ]+-----")
_WRONG_KIND: Final[dict[tuple[type, type], str]] = {
    (PublicKey, PrivateKey): "`tera keygen -y FILE` prints its public key",
    (PublicKey, SigningKey): "it is a signing key: it seals nothing; --sign-key signs with it",
    (PublicKey, VerifyingKey): "it is a signer's key: nothing can be sealed to it; --signer pins it",
    (PrivateKey, PublicKey): "the secret key is in the file that `tera keygen` made",
    (PrivateKey, SigningKey): "it is a signing key: it opens nothing; --sign-key signs with it",
    (PrivateKey, VerifyingKey): "it is a signer's public key; --signer pins it",
    (SigningKey, PrivateKey): "it is for opening; `tera keygen --sign` makes a signing key",
    (SigningKey, PublicKey): "it is for sealing; `tera keygen --sign` makes a signing key",
    (SigningKey, VerifyingKey): "the secret half is in the file that `tera keygen --sign` made",
    (VerifyingKey, SigningKey): "`tera keygen -y FILE` prints its public key",
    (VerifyingKey, PrivateKey): "it is for opening; a signer's public key starts with terasign1",
    (VerifyingKey, PublicKey): "it is for sealing; a signer's public key starts with terasign1",
}
_BELONGS: Final[dict[type, str]] = {
    PublicKey: "a recipient's public key",
    PrivateKey: "a secret key to open with",
    SigningKey: "a secret signing key",
    VerifyingKey: "a signer's public key",
}
_K = TypeVar("_K", PublicKey, PrivateKey, VerifyingKey, SigningKey)


# --- one key ------------------------------------------------------------------------------------


def parse(text: str) -> Key:
    """Return the key of one line of text, of whatever kind it is. Raises BadKey."""
    for pattern, message, hint in _FOREIGN:
        if pattern.match(text) and not text.startswith("age1pq1"):
            raise BadKey(message, hint=hint)
    hrp, raw = bech32.decode(text)
    secret = hrp in _SECRET or hrp == _SIGN
    if not secret and hrp not in _PUBLIC and hrp != _VERIFY:
        raise BadKey("this is no key that tera knows", hint="keys are made by `tera keygen`")
    if text != (text.upper() if secret else text.lower()):
        case = "capitals" if secret else "small letters"
        raise BadKey(f"a {'secret' if secret else 'public'} key is written in {case}")
    if hrp == _VERIFY:
        return VerifyingKey(raw)
    if hrp == _SIGN:
        return SigningKey(raw)
    return PrivateKey(_SECRET[hrp].type, raw) if secret else PublicKey(_PUBLIC[hrp].type, raw)


def parse_recipient(text: str) -> PublicKey:
    """Return the recipient that `text` is. Raises BadKey, also for a key of another kind."""
    return _wanted(parse(text), PublicKey)


def parse_identity(text: str) -> PrivateKey:
    """Return the secret key that `text` is. Raises BadKey, also for a key of another kind."""
    return _wanted(parse(text), PrivateKey)


def parse_verifier(text: str) -> VerifyingKey:
    """Return the signer's public key that `text` is. Raises BadKey, also for a key of another kind."""
    return _wanted(parse(text), VerifyingKey)


def dump_public(key: Key) -> str:
    """Return the text of a public key, or of the public half of a secret one."""
    if isinstance(key, SigningKey | VerifyingKey):
        return bech32.encode(_VERIFY, key.public if isinstance(key, SigningKey) else key.raw)
    public = key.public if isinstance(key, PrivateKey) else key
    return bech32.encode(f"tera{_NAMES[public.kem]}", public.raw)


def dump_secret(key: PrivateKey | SigningKey) -> str:
    """Return the text of a secret key: whoever sees it has the key."""
    hrp = _SIGN if isinstance(key, SigningKey) else f"tera-secret-{_NAMES[key.kem]}-"
    return bech32.encode(hrp, key.seed, upper=True)


# --- a file of keys -----------------------------------------------------------------------------


def load_keys(data: bytes | str, *, where: str, password: Password | None = None) -> list[Key]:
    """Return all keys of a file, of any kind; `where` names it in errors.

    Raises BadKey with the number of the line, also if there is no key; WrongPassphrase for encrypted PEM.
    """
    return [key for _, key in _load(data, where, password)]


def load_recipients(data: bytes | str, *, where: str) -> list[PublicKey]:
    """Return the recipients of a file. Raises BadKey, also for a key of another kind."""
    return _load_kind(data, where, PublicKey, None)


def load_identities(data: bytes | str, *, where: str, password: Password | None = None) -> list[PrivateKey]:
    """Return the secret keys of a file. Raises BadKey, also for a key of another kind; WrongPassphrase."""
    return _load_kind(data, where, PrivateKey, password)


def load_signers(data: bytes | str, *, where: str) -> list[SigningKey]:
    """Return the signing keys of a file. Raises BadKey, also for a key of another kind."""
    return _load_kind(data, where, SigningKey, None)


def load_verifiers(data: bytes | str, *, where: str) -> list[VerifyingKey]:
    """Return the signers' public keys of a file. Raises BadKey, also for a key of another kind."""
    return _load_kind(data, where, VerifyingKey, None)


def _load_kind(data: bytes | str, where: str, kind: type[_K], password: Password | None) -> list[_K]:
    found: list[_K] = []
    for line, key in _load(data, where, password):
        with _Located(where, line):
            found.append(_wanted(key, kind))
    return found


def _load(data: bytes | str, where: str, password: Password | None) -> Iterator[tuple[int, Key]]:
    count = 0
    for line, text in _items(data if isinstance(data, str) else _decoded(data, where), where):
        with _Located(where, line):
            key = _parse_pem(text, password) if _BEGIN.match(text) else parse(text)
        count += 1
        yield line, key
    if not count:
        raise BadKey(f"{where}: there is no key in it")


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        hint = "this is a container" if data.startswith(b"\x89TERA") else None
        raise BadKey(f"{where}: not a text file", hint=hint) from None


def _items(data: str, where: str) -> Iterator[tuple[int, str]]:
    """Yield each key's first line and its text: a line, or all lines of a PEM block."""
    lines = enumerate(data.splitlines(), 1)
    for number, line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not _BEGIN.fullmatch(line):
            yield number, line
            continue
        block = [line]
        end = line.replace("BEGIN", "END", 1)
        while block[-1] != end:
            following = next(lines, None)
            if following is None:
                raise BadKey(f"{where}:{number}: the PEM block has no end")
            block.append(following[1].strip())
        yield number, "\n".join(block) + "\n"


def _parse_pem(text: str, password: Password | None) -> Key:
    for pattern, message, hint in _FOREIGN:
        if pattern.match(text):
            raise BadKey(message, hint=hint)
    block = text.encode()
    if text.startswith("-----BEGIN PUBLIC KEY"):
        return PublicKey(*pem.load_public(block))
    encrypted = text.startswith("-----BEGIN ENCRYPTED PRIVATE KEY")
    return PrivateKey(*pem.load_private(block, password() if encrypted and password else None))


def _wanted(key: Key, kind: type[_K]) -> _K:
    if isinstance(key, kind):
        return key
    secret = "secret" if isinstance(key, PrivateKey | SigningKey) else "public"
    raise BadKey(
        f"this is a {secret} key of another kind: {_BELONGS[kind]} belongs here", hint=_WRONG_KIND[kind, type(key)]
    )


class _Located:
    """Puts file and line before the message of what is raised inside."""

    def __init__(self, where: str, line: int) -> None:
        self._where = f"{where}:{line}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TeraError):
            raise type(error)(f"{self._where}: {error}", hint=error.hint) from None
