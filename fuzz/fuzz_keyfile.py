"""A key file gives keys that come back from their own text, or a TeraError that quotes no line of it.

Inputs from 0x80 are a prefix and bytes: a Bech32 key whose checksum fits, whatever it holds.
"""

from __future__ import annotations

from fuzz import oracle
from tera.codec import keyfile
from tera.codec.recipients import PrivateKey
from tera.crypto.signing import SigningKey
from tera.wire import bech32

PREFIXES = (
    *("teraxwing", "terap384", "teramlkem768", "teramlkem1024", "terasign", "age1pq", "age-secret-key-pq-"),
    *(f"tera-secret-{name}-" for name in ("xwing", "p384", "mlkem768", "mlkem1024", "sign")),
)
LONG = 12
"""A line of so many characters is not in an error by chance."""


def one_input(data: bytes) -> None:
    if data[:1] >= b"\x80":
        hrp = PREFIXES[data[0] % len(PREFIXES)]
        data = bech32.encode(hrp, data[1:], upper="secret" in hrp).encode()
    found = oracle.tera(keyfile.load_keys, data, where="FILE", password=lambda: b"passphrase")
    if isinstance(found, oracle.Taken):
        for key in found.value:
            assert keyfile.parse(keyfile.dump_public(key)) is not None
            if isinstance(key, PrivateKey | SigningKey):
                again = keyfile.parse(keyfile.dump_secret(key))
                assert isinstance(again, type(key)) and again.seed == key.seed
        return
    shown = f"{found} {found.hint}"
    for line in data.decode(errors="replace").splitlines():
        assert len(line.strip()) < LONG or line.strip() not in shown, shown
