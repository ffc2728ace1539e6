"""Places: one text each; what is not known fits a block list and no allow list."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera.errors import BadInput
from tera.policy.places import CITY_BYTES, CONTINENTS, Place, Region, Regions, fold_city, read_canonical
from tests.policy import drawn


@pytest.mark.parametrize(
    "text", [*drawn.PLACES, *(f"{code}///" for code in CONTINENTS), "/DE/1/", "///" + "a" * CITY_BYTES]
)
def test_a_place_in_its_one_form_is_taken(text: str) -> None:
    assert read_canonical(text).pack() == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        *((text, "not of the form") for text in ("", "///", "EU", "EU//", "EU////", "/DE///x")),
        *((text, "continent is none of") for text in ("eu///", "XX///", "Europe///")),
        *((text, "two capital letters") for text in ("/de//", "/DEU//", "/D1//", "/ÄÖ//", "/DE\n//")),
        ("EU/DE//", "continent beside its country"),
        *((text, "subdivision") for text in ("//BY/", "EU//BY/", "/DE/by/", "/DE/DE-BY/", "/DE/ABCD/", "/DE/Ä/")),
        *(
            (text, "not case-folded")
            for text in ("///Köln", "/// köln", "///köln ", "///new  york", "///ko\u0308ln", "///straße")
        ),
        *(
            (text, "printable name")
            for text in ("///a\n", "///" + "a" * (CITY_BYTES + 1), "///\u200b", "///" + "ö" * 65)
        ),
    ],
)
def test_any_other_form_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        read_canonical(text)


@given(st.text() | st.text(st.characters(categories=("Lu", "Ll", "Mn"))))
def test_a_folded_name_is_a_fixed_point_however_it_was_spelt(name: str) -> None:
    once = fold_city(name)
    assert fold_city(once) == once
    assert fold_city(unicodedata.normalize("NFD", name)) == fold_city(unicodedata.normalize("NFC", name)) == once


def test_a_place_is_brought_to_the_form_of_rules() -> None:
    found = Place("eu", "de", ("de-by", "XYZ", ""), " KÖLN  am Rhein ")
    assert found == Place("EU", "DE", ("BY", "XYZ"), "köln am rhein")
    assert Place("", "", (), " ") == Place()


def held(texts: list[str], place: Place) -> tuple[bool, bool]:
    """Return whether an allow list and a block list of these hold the place."""
    found = Regions(map(read_canonical, texts))
    return found.hold(place, unknown=False), found.hold(place, unknown=True)


@pytest.mark.parametrize("text", drawn.PLACES)
def test_somebody_of_whom_nothing_is_known_is_in_no_allow_list_and_in_every_block_list(text: str) -> None:
    assert held([text], Place()) == (False, True)


def test_all_parts_of_a_place_must_fit_and_one_place_of_a_list() -> None:
    bavaria = Place("EU", "DE", ("BY",), "münchen")
    assert (
        held(["/DE/BY/"], bavaria) == held(["///münchen"], bavaria) == held(["EU///münchen"], bavaria) == (True, True)
    )
    assert held(["/DE/BE/"], bavaria) == held(["/AT/BY/"], bavaria) == held(["/DE//köln"], bavaria) == (False, False)
    assert held(["/AT//", "/DE/BY/"], bavaria) == (True, True)


def test_what_is_known_decides_where_something_else_is_not() -> None:
    germany = Place(country="DE")
    assert held(["/AT//köln"], germany) == (False, False)
    assert held(["/DE//köln"], germany) == (False, True)
    assert held(["EU///"], germany) == (False, True)


def test_one_of_several_subdivisions_is_enough() -> None:
    london = Place("EU", "GB", ("ENG", "LND"))
    assert held(["/GB/LND/"], london) == held(["/GB/ENG/"], london) == (True, True)
    assert held(["/GB/SCT/"], london) == (False, False)


@pytest.mark.parametrize(
    ("outer", "inner", "verdict"),
    [
        ("/DE//", "/DE/BY/köln", True),
        ("/DE//", "/DE//", True),
        ("/DE/BY/", "/DE//", False),
        ("EU///", "/DE//", False),
        ("///köln", "/DE//köln", True),
        ("/AT//", "/DE//", False),
    ],
)
def test_covering(outer: str, inner: str, verdict: bool) -> None:
    assert read_canonical(outer).covers(read_canonical(inner)) is verdict


def test_a_region_of_its_parts_packs_them() -> None:
    assert Region("EU", "", "", "x").pack() == "EU///x"
