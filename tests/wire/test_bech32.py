"""Bech32 has one text for one key, and every other text is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadKey
from tera.wire import bech32

# BIP-173's own valid strings, of which the data part is whole bytes, and age's published recipient.
AGE = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def test_known_texts_are_read_and_written_again() -> None:
    hrp, data = bech32.decode(AGE)
    assert (hrp, len(data)) == ("age", 32)
    assert bech32.encode(hrp, data) == AGE
    assert bech32.decode("A12UEL5L") == ("a", b"")
    long_hrp = "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio"
    assert bech32.decode(long_hrp + "1tt5tgs") == (long_hrp, b"")


@given(st.binary(max_size=200), st.booleans())
def test_every_key_comes_back(data: bytes, upper: bool) -> None:
    text = bech32.encode("tera-x", data, upper)
    assert text == (text.upper() if upper else text.lower())
    assert bech32.decode(text) == ("tera-x", data)


def test_a_key_of_1_665_bytes_comes_back() -> None:
    data = bytes(range(256)) * 7
    assert bech32.decode(bech32.encode("tera", data[:1665])) == ("tera", data[:1665])


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        hrp, data = bech32.decode(text)
    except BadKey:
        return
    assert bech32.encode(hrp, data) == text.lower()


@pytest.mark.parametrize("at", range(len(AGE)))
def test_a_changed_character_is_refused(at: int) -> None:
    for letter in "qp1zA ":
        changed = AGE[:at] + letter + AGE[at + 1 :]
        if changed != AGE:
            with pytest.raises(BadKey):
                bech32.decode(changed)


def test_mixed_case_is_refused() -> None:
    with pytest.raises(BadKey, match="mixes"):
        bech32.decode(AGE.replace("age1", "AGE1"))
    with pytest.raises(BadKey, match="mixes"):
        bech32.decode(AGE[:-1] + AGE[-1].upper())


def test_non_zero_padding_is_refused() -> None:
    # One byte is two symbols with two bits of padding: set them, and make the checksum again.
    for padding in (1, 2, 3):
        with pytest.raises(BadKey, match="bits after"):
            bech32.decode(_with_symbols("tera", [0, padding]))


def test_a_whole_symbol_of_padding_is_refused() -> None:
    with pytest.raises(BadKey, match="bits after"):
        bech32.decode(_with_symbols("tera", [0, 0, 0]))


def test_the_checksum_of_bech32m_is_refused() -> None:
    with pytest.raises(BadKey, match="checksum"):
        bech32.decode("A1LQFN3A")


@pytest.mark.parametrize("text", ["", "1", "a1", "a1qqqqq", "1qqqqqqqq", "qqqqqqqq", "\x7f1g6xzxy", "\x201nwldj5"])
def test_no_prefix_or_no_checksum_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        bech32.decode(text)


def test_letters_that_fold_to_ascii_are_refused() -> None:
    # KELVIN SIGN lowers to k, and DOTLESS I raises to I.
    key = bech32.encode("tera", bytes(range(64)), upper=True)
    assert "K" in key
    for text in (key.replace("K", "\u212a"), AGE.replace("k", "\u212a"), AGE.replace("age", "\u0131ge")):
        with pytest.raises(BadKey):
            bech32.decode(text)


def test_an_error_does_not_quote_the_key() -> None:
    secret = bech32.encode("tera-secret", bytes(range(32)))
    with pytest.raises(BadKey) as caught:
        bech32.decode(secret[:-1] + ("q" if secret[-1] != "q" else "p"))
    assert secret[12:20] not in str(caught.value) + str(caught.value.hint)


@pytest.mark.parametrize("hrp", ["", "Tera", "te ra", "t\u00e9ra"])
def test_a_bad_prefix_is_the_callers_bug(hrp: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        bech32.encode(hrp, b"")


def _with_symbols(hrp: str, symbols: list[int]) -> str:
    """A second, plain writing of BIP-173's checksum, over symbols as they are."""
    expanded = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    rest = 1
    for symbol in [*expanded, *symbols, 0, 0, 0, 0, 0, 0]:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ symbol
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            rest ^= term if top >> bit & 1 else 0
    rest ^= 1
    checksum = [rest >> 5 * (5 - at) & 31 for at in range(6)]
    return hrp + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[symbol] for symbol in symbols + checksum)
