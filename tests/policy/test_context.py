"""A context brings what it is told to the form of rules, or refuses it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from tera.errors import BadInput
from tera.policy.context import Context, read_mac
from tera.policy.places import Place


def test_what_is_told_is_brought_to_the_form_of_rules() -> None:
    found = Context(viewer="A@B.C", ip="::FFFF:10.0.0.1", macs=frozenset({"00-1A-2B-3C-4D-5E"}))
    assert found.viewer == "a@b.c"
    assert found.ip == IPv4Address("10.0.0.1")
    assert found.macs == {"00:1a:2b:3c:4d:5e"}


def test_an_address_may_be_an_object_too() -> None:
    assert Context(ip=IPv6Address("::ffff:10.0.0.1")).ip == IPv4Address("10.0.0.1")
    assert Context(ip=IPv6Address("::1")).ip == IPv6Address("::1")


def test_nothing_is_known_unless_it_is_told() -> None:
    found = Context()
    assert (found.action, found.place, found.viewer, found.ip, found.opens) == ("view", Place(), None, None, None)
    assert not found.signed and not found.device_proven and not found.fulfilled


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "steal"},
        {"action": ""},
        {"viewer": "a"},
        {"viewer": "*@*"},
        {"viewer": ""},
        {"ip": "10.0.0.0/8"},
        {"ip": ""},
        {"macs": frozenset({"1"})},
        {"opens": -1},
        {"blocklist_age": -1},
    ],
    ids=str,
)
def test_what_can_be_nothing_of_its_kind_is_refused(wrong: dict) -> None:
    with pytest.raises(BadInput):
        Context(**wrong)


@pytest.mark.parametrize("text", ["001a2b3c4d5e", "00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e"])
def test_a_hardware_address_has_one_text(text: str) -> None:
    assert read_mac(text) == "00:1a:2b:3c:4d:5e"


@pytest.mark.parametrize(
    "text",
    ["", "00:1a:2b:3c:4d", "00:1a-2b:3c:4d:5e", "0:1a:2b:3c:4d:5e", "00:1a:2b:3c:4d:5g", "001a.2b3c.4d5e", "٠" * 12],
)
def test_what_is_no_hardware_address_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_mac(text)
