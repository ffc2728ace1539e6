"""Bech32 as age writes its keys: BIP-173 with its checksum constant 1 and without its length limit.

    text = hrp || "1" || data, 5 bits a symbol || checksum, 6 symbols

The law of this file: one byte string under one prefix has one text in lower case and the same in upper
case, and every other text is refused: mixed case, non-zero padding, a whole symbol of padding. The
checksum finds any 4 wrong symbols in 90 and, with probability 1 - 2^-30, any other damage; beyond 90
symbols it is that alone. BIP-173's known flaw ("q" inserted before a final "p" passes) changes the
length of the data in whole bytes or leaves padding, so a caller MUST check the length of the key.
"""

from __future__ import annotations

from typing import Final

from tera.errors import BadKey

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_SYMBOL: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_CHECKSUM_SYMBOLS: Final = 6


def _steps() -> tuple[int, ...]:
    """What each value of the 5 bits that fall out of the polynomial adds: one look-up, not five tests."""
    generator = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
    table = []
    for top in range(32):
        step = 0
        for bit, term in enumerate(generator):
            step ^= term if top >> bit & 1 else 0
        table.append(step)
    return tuple(table)


_STEP: Final = _steps()


def encode(hrp: str, data: bytes, upper: bool = False) -> str:
    """Return `data` under the lower-case prefix `hrp`; `upper` gives the text in capitals.

    Raises ValueError for a prefix that is empty, not printable ASCII, or not in lower case.
    """
    if not _hrp_fits(hrp) or hrp != hrp.lower():
        raise ValueError("a prefix is 1 or more printable ASCII characters, no capitals")
    symbols = _to_symbols(data)
    rest = _polymod(hrp, symbols + bytes(_CHECKSUM_SYMBOLS)) ^ 1
    checksum = bytes(rest >> 5 * (_CHECKSUM_SYMBOLS - 1 - at) & 31 for at in range(_CHECKSUM_SYMBOLS))
    text = hrp + "1" + "".join(_ALPHABET[symbol] for symbol in symbols + checksum)
    return text.upper() if upper else text


def decode(text: str) -> tuple[str, bytes]:
    """Return the prefix, in lower case, and the data. Raises BadKey, which never quotes the text."""
    if not text.isascii():  # KELVIN SIGN, for one, would become a k below
        raise BadKey("the key has a character that Bech32 does not use")
    if text not in (text.lower(), text.upper()):
        raise BadKey("the key mixes capitals and small letters")
    hrp, separator, tail = text.lower().rpartition("1")
    if not separator or not _hrp_fits(hrp) or len(tail) < _CHECKSUM_SYMBOLS:
        raise BadKey("the key has no prefix or is too short")
    try:
        symbols = bytes(_SYMBOL[letter] for letter in tail)
    except KeyError:
        raise BadKey("the key has a character that Bech32 does not use") from None
    if _polymod(hrp, symbols) != 1:
        raise BadKey("the key has a typing error: its checksum does not fit")
    return hrp, _to_bytes(symbols[:-_CHECKSUM_SYMBOLS])


def _hrp_fits(hrp: str) -> bool:
    return bool(hrp) and all("!" <= letter <= "~" for letter in hrp)


def _polymod(hrp: str, symbols: bytes) -> int:
    letters = hrp.encode("ascii")
    expanded = bytes(letter >> 5 for letter in letters) + b"\0" + bytes(letter & 31 for letter in letters)
    rest = 1
    for symbol in expanded + symbols:
        rest = (rest & 0x1FFFFFF) << 5 ^ symbol ^ _STEP[rest >> 25]
    return rest


def _to_symbols(data: bytes) -> bytes:
    out, held, bits = bytearray(), 0, 0
    for byte in data:
        held = (held & 31) << 8 | byte
        bits += 8
        while bits >= 5:
            bits -= 5
            out.append(held >> bits & 31)
    if bits:
        out.append(held << 5 - bits & 31)
    return bytes(out)


def _to_bytes(symbols: bytes) -> bytes:
    out, held, bits = bytearray(), 0, 0
    for symbol in symbols:
        held = (held & 0xFF) << 5 | symbol
        bits += 5
        if bits >= 8:
            bits -= 8
            out.append(held >> bits & 0xFF)
    if bits >= 5 or held & (1 << bits) - 1:
        raise BadKey("the key has bits after its last byte")
    return bytes(out)
