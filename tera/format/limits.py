"""Every bound of the format, named; and what a reader takes by default.

The law of this file: a number that an input chooses is compared with one of these before memory is
allocated for it. The fixed ones are the format's (spec/container.md); `Limits` is the reader's choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CORE: Final = 64 << 10
POLICY: Final = 256 << 10
ACCESS: Final = 4 << 20
TRAILER: Final = 64 << 10
MANIFEST: Final = 16 << 20
ENTRY: Final = 64 << 10
INDEX: Final = 1 << 30
EXTENSIONS: Final = 16 << 10

STANZAS: Final = 1_024
STANZAS_IN_GROUP: Final = 8
PASSPHRASE_STANZAS: Final = 4
KEY_ID: Final = 64
SIGNERS: Final = 4
SIGNATURES: Final = 8
AUTHORITIES: Final = 4
RULES: Final = 256
TAGS: Final = 64
TAG_BYTES: Final = 128
FEATURES: Final = 16
FEATURE_BYTES: Final = 64

PATH_BYTES: Final = 1_024
PART_BYTES: Final = 255
PARTS: Final = 64
MIME_BYTES: Final = 255

ARGON2_MIN_KIB: Final = 19_456
ARGON2_MAX_KIB: Final = 1 << 20
ARGON2_MAX_COST: Final = 4 << 20
ARGON2_MAX_PASSES: Final = 16
ARGON2_MAX_LANES: Final = 16

TIME_MAX: Final = 253_402_300_799
"""The last second of the year 9999, so that every reader can show it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader takes at most; sizes in bytes.

    `entries` and `total` bound what a container may hold, `index` the memory of opening it (at most
    1 GiB), and `max_output`, when given, what one extraction may write.
    """

    index: int = 256 << 20
    entries: int = 1_000_000
    total: int = 1 << 40
    max_output: int | None = None


DEFAULT: Final = Limits()
