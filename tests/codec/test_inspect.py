"""What a stranger sees, and what is called checked: nothing is vouched for by the file itself."""

from __future__ import annotations

import io
import json
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tests.codec.forged as forgery
from tera.codec.decode import decode
from tera.codec.inspect import Inspection, Verification, digest, inspect, verify
from tera.codec.layout import CONTEXT
from tera.codec.recipients import Passphrase, PrivateKey
from tera.codec.rewrap import rewrap
from tera.codec.signers import signer_fingerprint
from tera.crypto.random import system
from tera.errors import TeraError
from tera.format.core import PADME, Core
from tera.format.limits import Limits
from tera.format.records import DIRECTORY, PAD, pack_record
from tera.format.schedule import signed_message
from tera.format.trailer import Signature, Trailer, pack_tail, pack_trailer, parse_trailer
from tests.codec.forged import File, forge, lying
from tests.codec.sealed import (
    KEK,
    OTHER_KEK,
    OTHER_SIGNER,
    SIGNER,
    front_of,
    opened,
    pipe,
    regions,
    seal,
    sealed,
    sections,
)

MIB = 1 << 20
NAME, OTHER_NAME = signer_fingerprint(SIGNER.public), signer_fingerprint(OTHER_SIGNER.public)
XWING = PrivateKey.generate(random=system)


def seen(data: bytes, **options: Any) -> Inspection:
    return inspect(io.BytesIO(data), **options)


def checked(data: bytes, *identities: Any, **options: Any) -> Verification:
    return verify(io.BytesIO(data), identities, **options)


def refused(code: str, call: Callable[[], object]) -> TeraError:
    with pytest.raises(TeraError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def with_signatures_of(data: bytes, other: bytes) -> bytes:
    """Return a container with the signatures of another."""
    ours, theirs = dict(sections(data)), dict(sections(other))
    mine, foreign = (_trailer(one) for one in (ours, theirs))
    start = 8 + 4 + len(mine.map) + 32
    theirs_start = 8 + 4 + len(foreign.map) + 32
    body = ours["TRAILER"][8:start] + theirs["TRAILER"][theirs_start:]
    section = ours["TRAILER"][:4] + len(body).to_bytes(4, "big") + body
    tail = ours["TAIL"][:16] + len(section).to_bytes(4, "big") + ours["TAIL"][20:]
    return data[: -len(ours["TRAILER"]) - 24] + section + tail


def _trailer(parts: dict[str, bytes]) -> Trailer:
    return parse_trailer(parts["TRAILER"][8:])


# --- inspect ----------------------------------------------------------------------------------------


def test_everything_that_a_stranger_can_read_is_shown() -> None:
    words = Passphrase("x", cost=(19_456, 1, 1))
    data, found = sealed(
        recipients=[KEK, [XWING.public, words]],
        signers=[SIGNER, OTHER_SIGNER],
        public_tags=["b", "a"],
        rules=[("opens", 3), ("device", {"allow": [bytes(32)]}), ("obligations", {"watermark": {"deep": True}})],
        id=bytes(range(16)),
        created=1_700_000_000,
        padding=False,
    )
    one = seen(data)
    assert (one.id, one.created) == ("00010203-0405-0607-0809-0a0b0c0d0e0f", "2023-11-14T22:13:20Z")
    assert (one.tags, one.rules, one.authorities) == (("a", "b"), "static", ())
    assert one.rule_list == (
        ("device", {"allow": [bytes(32)]}),
        ("obligations", {"watermark": {"deep": True}}),
        ("opens", 3),
    )
    assert one.stanzas == (("kek",), ("xwing", "argon2id"))
    assert one.announced_signers == tuple(sorted((NAME.hex(), OTHER_NAME.hex())))
    assert {(two.fingerprint, two.required, two.pinned) for two in one.signers} == {
        (NAME, True, False),
        (OTHER_NAME, True, False),
    }
    assert (one.padded, one.size, one.verified) == (False, len(data), False)
    assert one.size == found.size
    text = json.dumps(one.to_dict())
    device = {"name": "device", "value": {"allow": ["00" * 32]}, "enforcement": "advisory"}
    assert json.loads(text)["rules"]["list"][0] == device
    assert json.loads(text)["rules"]["list"][1]["value"] == {"watermark": {"deep": True}}
    assert json.loads(text)["recipients"] == [["kek"], ["xwing", "argon2id"]]


def test_the_latest_time_and_the_earliest_are_shown() -> None:
    assert seen(seal(created=0)).created == "1970-01-01T00:00:00Z"
    assert seen(seal(created=253_402_300_799)).created == "9999-12-31T23:59:59Z"


def test_nothing_that_is_sealed_is_shown() -> None:
    secret = "zebra-7f3a"
    data = seal(
        [(f"{secret}/{secret}.txt", secret.encode() * 9)],
        manifest=json.dumps({"title": secret}).encode(),
        tags=[secret],
        rules=[("recipients", [f"{secret}@example.org"])],
        sealed_rules=True,
    )
    one = seen(data)
    shown = f"{one!r} {json.dumps(one.to_dict())} {checked(data)!r}"
    assert secret not in shown
    assert (one.rules, one.rule_list, one.tags) == ("sealed", (), ())
    refused("rule_denied", lambda: opened(data))  # the rule is there


def test_rules_do_not_stop_a_stranger_from_looking() -> None:
    data = seal(rules=[("rights", ["print"])])
    assert seen(data).rule_list == (("rights", ["print"]),)
    assert checked(data).entries is None
    assert digest(io.BytesIO(data)).startswith("tera:")
    refused("rule_denied", lambda: checked(data, KEK))


def test_nothing_is_verified_unless_a_pinned_signature_is() -> None:
    data = seal(signers=[SIGNER])
    assert not seen(seal()).verified
    assert not seen(data).verified
    assert seen(data, signers=[NAME]).verified
    assert [one.pinned for one in seen(data, signers=[NAME]).signers] == [True]
    for pins in ([OTHER_NAME], [NAME, OTHER_NAME], [bytes(32)]):
        for call in (seen, checked):
            refused("missing_signature", lambda call=call, pins=pins: call(data, signers=pins))  # type: ignore[misc]
    refused("missing_signature", lambda: seen(seal(), signers=[NAME]))


def test_a_signature_of_another_container_is_refused_without_a_key() -> None:
    data, other = seal(signers=[SIGNER]), seal(signers=[SIGNER])
    assert with_signatures_of(data, data) == data
    changed = with_signatures_of(data, other)
    for call in (seen, checked):
        for pins in ([], [NAME]):
            refused("bad_signature", lambda call=call, pins=pins: call(changed, signers=pins))  # type: ignore[misc]


def test_an_announced_signature_can_not_be_taken_off() -> None:
    data = seal(signers=[SIGNER, OTHER_SIGNER])
    changed = with_signatures_of(data, seal())
    for call in (seen, checked):
        refused("missing_signature", lambda call=call: call(changed))  # type: ignore[misc]


def test_a_signature_that_is_not_announced_is_shown_and_not_trusted() -> None:
    """Anybody may add one: it counts for those who pin it, and is not a part of what was sealed."""
    data = seal()
    parts = dict(sections(data))
    trailer = _trailer(parts)
    signature = OTHER_SIGNER.sign(signed_message(front_of(data).bind, trailer.map), CONTEXT)
    section = pack_trailer(trailer.map, trailer.mac, (Signature(OTHER_NAME, OTHER_SIGNER.public, signature),))
    added = data[: -len(parts["TRAILER"]) - 24] + section + pack_tail(trailer.layout.payload, len(section))
    one = seen(added)
    assert [(two.fingerprint, two.required, two.pinned) for two in one.signers] == [(OTHER_NAME, False, False)]
    assert (one.announced_signers, one.verified) == ((), False)
    assert seen(added, signers=[OTHER_NAME]).verified
    assert checked(added, KEK).entries == 2
    assert digest(io.BytesIO(added)) == digest(io.BytesIO(data))


def test_only_header_and_end_are_read() -> None:
    data = seal([("f", random.Random(0).randbytes(3 * MIB))])

    class Counting(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.count += len(found)
            return found

    source = Counting(data)
    inspect(source)
    assert 0 < source.count < 10_000


def test_what_is_no_container_is_refused_and_its_file_closed(tmp_path: Path) -> None:
    for call in (inspect, digest, verify):
        for content, code in ((b"", "not_tera"), (seal()[:-1], "truncated"), (seal() + b"\0", "trailing_data")):
            (tmp_path / "x").write_bytes(content)
            refused(code, lambda call=call: call(tmp_path / "x"))  # type: ignore[misc]
        refused("input_unavailable", lambda call=call: call(tmp_path / "absent"))  # type: ignore[misc]
        refused("input_unavailable", lambda call=call: call(pipe(seal())))  # type: ignore[misc]
    assert not [name for name in os.listdir("/proc/self/fd") if _target(name) == str(tmp_path / "x")]


def _target(name: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        return ""


# --- digest -----------------------------------------------------------------------------------------


def test_the_digest_is_recomputed_and_the_same_for_all() -> None:
    data, found = sealed([("f", random.Random(0).randbytes(2 * MIB))], signers=[SIGNER])
    counted: list[int] = []
    assert digest(io.BytesIO(data), progress=counted.append) == found.digest == checked(data, KEK).digest
    with opened(data) as container:
        assert container.digest == found.digest
        payload = seen(data).payload
    assert sum(counted) == payload - 2 * 64
    assert len(found.digest) == len("tera:") + 64
    for region in regions(seal()):
        if region.name.endswith("-BLOCK chunks"):
            changed = bytearray(small := seal())
            place = next(one for one in regions(small) if one.name == region.name).start
            changed[place] ^= 1
            refused("bad_root", lambda changed=changed: digest(io.BytesIO(bytes(changed))))  # type: ignore[misc]


def test_the_digest_stays_when_the_recipients_change(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(seal(signers=[SIGNER]))
    rewrap(tmp_path / "a", [KEK], recipients=[OTHER_KEK], output=tmp_path / "b")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_two_containers_have_two_digests() -> None:
    assert len({digest(io.BytesIO(seal())) for _ in range(5)}) == 5


# --- verify -----------------------------------------------------------------------------------------

KEYLESS = {"structure", "roots of all blocks", "container digest"}
INSIDE = {
    "key commitment",
    "recipients' section",
    "trailer MAC",
    "index",
    "every record",
    "every file's digest",
}


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("key", [False, True])
def test_what_was_and_was_not_checked_is_said(count: int, pinned: bool, key: bool) -> None:
    if pinned and not count:
        return
    data = seal(signers=[SIGNER, OTHER_SIGNER][:count])
    found = checked(data, *[KEK][:key], signers=[NAME][:pinned])
    who = {text for text in (*found.checked, *found.unchecked) if text.startswith("who ")}
    signatures = {text for text in found.checked if "signature" in text}
    assert signatures == {0: set(), 1: {"1 signature"}, 2: {"2 signatures"}}[count]
    assert len(who) == 1
    assert (who <= set(found.checked)) == pinned
    assert ("not signed" in "".join(who)) == (not count)
    assert set(found.checked) - who - signatures == (KEYLESS | INSIDE if key else KEYLESS)
    assert set(found.unchecked) - who == (set() if key else INSIDE)
    assert found.entries == (2 if key else None)
    assert [one.pinned for one in found.signers].count(True) == int(pinned)
    assert json.loads(json.dumps(found.to_dict()))["checked"] == list(found.checked)


def test_a_key_that_does_not_open_is_refused_and_not_left_out() -> None:
    for key in (OTHER_KEK, XWING):
        with pytest.raises(TeraError) as caught:
            checked(seal(), key)
        assert caught.value.code in ("bad_stanza", "no_key")


A, D = File("a", (b"content of a",)), File("d", type=DIRECTORY)
PADDED = Core(id=bytes(16), created=0, padding=PADME)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda: forge(A, D, shown=(A, lying(D, mode=0o700))), "bad_index"),
        (lambda: forge(A, D, shown=(A, lying(D, mtime=5))), "bad_index"),
        (lambda: forge(A, D, shown=(lying(A, mode=0o600), D)), "bad_index"),
        (lambda: forge(lying(A, b3=bytes(32)), D), "bad_digest"),
        (lambda: forge(File("a", (b"not zstd",), raws=(1_000,))), "bad_frame"),
        (lambda: forge(A, D, core=PADDED), None),
        (lambda: forge(A, D), None),
    ],
)
def test_verifying_refuses_what_extracting_would(data: Callable[[], bytes], code: str | None, tmp_path: Path) -> None:
    made = data()
    assert checked(made).entries is None  # all of it is hidden from a stranger
    for call in (lambda: checked(made, KEK), lambda: decode(io.BytesIO(made), tmp_path / "out", [KEK])):
        if code is None:
            call()
        else:
            refused(code, call)


def test_padding_that_is_not_zero_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is behind the last file: only who reads everything sees it."""

    def spoilt(plain: bytes, padding: int) -> bytes:
        monkeypatch.undo()  # the index is padded as it should be
        whole = bytearray(forgery._padded(plain, padding))
        assert bytes(whole[len(plain) : len(plain) + 4]) == pack_record(PAD, b"")[:4]
        whole[-1] = 1
        return bytes(whole)

    monkeypatch.setattr(forgery, "_padded", spoilt)
    made = forge(A, File("b", (bytes(5_000),)), core=PADDED)
    with opened(made) as container:
        assert container.read("a") == b"content of a"
    refused("bad_record", lambda: checked(made, KEK))
    refused("bad_record", lambda: decode(io.BytesIO(made), tmp_path / "out", [KEK]))


def test_the_limits_of_the_caller_hold_but_nothing_comes_out() -> None:
    data = seal([(f"f{number}", bytes(1_000)) for number in range(3)])
    assert checked(data, KEK, bounds=Limits(max_output=1)).entries == 3
    refused("limit_exceeded", lambda: checked(data, KEK, bounds=Limits(entries=2)))
    refused("limit_exceeded", lambda: checked(data, KEK, bounds=Limits(total=2_999)))


def test_verifying_writes_nothing_and_leaves_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = seal([("d/f", random.Random(0).randbytes(4 * MIB)), ("g", b""), ("t", b"text " * 400_000)])
    monkeypatch.chdir(tmp_path)
    counted: list[int] = []
    assert checked(data, KEK, progress=counted.append).entries == 3
    assert sum(counted) > 4 * MIB
    assert not list(tmp_path.iterdir())
    assert not [thread for thread in threading.enumerate() if thread.name == "tera-worker"]
