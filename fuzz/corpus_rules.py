"""The seeds of what came with rules and authorities; `make_corpus` writes them.

The law of this file: a seed is made by the code that writes it in earnest, or taken from the specification's vectors.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from fuzz import fuzz_authority, fuzz_envelope, fuzz_gate, fuzz_note, fuzz_release
from fuzz.edits import Edit
from fuzz.fuzz_envelope import SIGN
from fuzz.samples import NOISE, SIGNER
from fuzz.world import AUTHORITY, CHOICES, DEVICE, NOW, RULES
from spec.vectors.policy import form
from tera.audit.events import Event
from tera.policy.blockfile import Kind, blocked_id, build_blocklist
from tera.policy.envelope import pack_policy, sign_envelope
from tera.release import answer, report, request
from tera.release.report import KIND, build_report
from tera.wire import canonical

Seeds: TypeAlias = Iterator[tuple[str, bytes]]
AUDIT: Final = Path(form.FOLDER).parent / "audit"


def blocklist_seeds() -> Seeds:
    for count in (0, 2, 130):
        ids = [blocked_id(Kind.SIGNER, at.to_bytes(32, "big")) for at in range(count)]
        made = build_blocklist(ids, SIGNER, list_id=bytes(16), version=3, issued=900, expires=1_100)
        yield f"ids-{count}", b"\0" + made
        yield f"resigned-{count}", b"\1" + made
        yield f"refitted-{count}", b"\2" + made
        yield f"resized-{count}", b"\3" + made[:-1]
    for name in ("blocklist_ids_unsorted", "blocklist_first_differs", "blocklist_pages_swapped"):
        yield name, b"\2" + form.load(name).body


def envelope_seeds() -> Seeds:
    for name, first in zip(("rules", "none", "frozen"), fuzz_envelope.HONEST, strict=True):
        yield f"first-{name}", bytes((16,)) + pack_policy(sign_envelope(first, [SIGNER]))
        yield f"signed-{name}", bytes((SIGN | 16,)) + first.pack()
        later = replace(first, version=3, previous=NOISE[:32], container_id=None)
        yield f"later-{name}", bytes((SIGN | 16 | 2 << 2 | 3,)) + later.pack()
    yield "expired", bytes((SIGN,)) + first.pack()
    unsigned = replace(sign_envelope(first, [SIGNER]), signatures=())
    yield "stripped", bytes((16,)) + pack_policy(unsigned)
    for name in ("envelope_slack", "envelope_one_part", "envelope_not_canonical", "envelope_signatures_twice"):
        yield name, bytes((16,)) + form.load(name).body


def note_seeds() -> Seeds:
    yield from fuzz_note.seeds()
    for file, key, kind in (
        ("events", "event", b"\2"),
        ("proofs", "proof", b"\1"),
        ("checkpoints", "checkpoint", b"\0"),
    ):
        cases: list[dict[str, Any]] = json.loads((AUDIT / f"{file}.json").read_text())["cases"]
        seen = set()
        for number, one in enumerate(cases):
            if one["expect"] not in seen and len(one[key]) < 6_000:
                seen.add(one["expect"])
                raw = bytes.fromhex(one[key]) if key == "event" else base64.b64decode(one[key])
                yield f"{key}-{number}-{one['expect']}", kind + raw


def release_seeds() -> Seeds:
    asked = fuzz_release.asked()
    packed = request.FORM.split(asked)[0]
    yield "request", b"\0\0" + asked
    yield "request-signed", b"\0\3" + packed
    released = fuzz_release.answered()
    yield "answer-signed", b"\1\4" + released.pack()
    yield "answer-unsigned", b"\1\0" + answer.FORM.join(released.pack(), [])
    denied = replace(released, ct=None, lease=None, obligations={}, code="rule_denied", rule="time")
    yield "denial-signed", b"\1\4" + denied.pack()
    yield "denial-blocked", b"\1\4" + replace(denied, code="blocked", rule=None).pack()
    events = [Event(NOW * 1_000 + at, KIND, bind=bytes(32), extra={"act": "view"}).pack() for at in range(3)]
    made = build_report(AUTHORITY.fingerprint, DEVICE, 4, events)
    yield "report-signed", b"\2\2" + report.FORM.split(made)[0]
    yield "report-of-stranger", b"\2\x08" + report.FORM.split(made)[0]
    yield "lease", b"\3\0"
    for stage in range(6):
        yield f"lease-{stage}", b"\3\0" + Edit(stage, 1, 9, 0, b"\1").pack()


def page_seeds() -> Seeds:
    yield "whole", b""
    for what in (0, 128):
        for how in range(5):
            yield f"table-{what}-{how}", Edit(0, what, 5, how, b"\1").pack()
            yield f"pages-{what}-{how}", Edit(0, what, 192 + 4_096 + 32 * how, how, bytes(32)).pack()
            yield f"ids-{what}-{how}", Edit(0, what, 192 + 32 * (23 * how + 1) - 1, 0, b"\xff").pack()
        yield f"read-{what}", Edit(1, what, 0, 3).pack()


def glob_seeds() -> Seeds:
    patterns = {
        "**/*.pdf": "a/b/c.pdf",
        r"a\*b": "a*b",
        "a/**/x?": "a/b/c/xy",
        "**": "a",
        "*x*x*": "xaxbxc",
        "**/a/**": "a",
    }
    for at, (text, path) in enumerate(patterns.items()):
        yield f"plain-{at}", b"\0" + f"{text}\n{path}".encode()
    yield "bomb", b"\xff" + b"*a\na"
    yield "bomb-of-parts", b"\xfe" + b"**/*a/\na/"


def address_seeds() -> Seeds:
    for at, text in enumerate(
        (
            "10.0.0.1,10.0.0.0/8,10.0.0.1-10.0.0.9,192.*.1.*,192.168.1.10/255.0.255.0",
            "::1,2001:db8::/32,::1-::9,2001:db8::/ffff:ffff::ffff:0,::ffff:10.0.0.1",
            "::ffff:0:0/96,::ffff:10.0.0.0-::ffff:10.0.0.9,::/0,0.0.0.0/0,::fffe:0:0/95",
            "010.0.0.1,10.0.0.1 - 10.0.0.2,fe80::1%eth0,1.2.3.4/33,9.9.9.9-1.1.1.1,0.0.0.*",
        )
    ):
        yield str(at), text.encode()


def config_seeds() -> Seeds:
    yield (
        "whole",
        b'viewer = "ann@example.org"\nviewer_key = "viewer.key"\ndevice_key = "device.key"\nsigners = ["boss.pub"]\n'
        b'state = "reader.db"\nlease = true\nmacs = ["00:1a:2b:3c:4d:5e"]\n'
        b'place = {country = "DE", subdivisions = ["BY"], city = "Munich"}\n'
        b'[[authorities]]\nkey = "authority.pub"\nurl = "https://keys.example.org"\ntoken_file = "token"\n'
        b'[[blocklists]]\nfile = "blocked.terb"\nissuers = ["boss.pub"]\nstale = "allow"\n',
    )
    yield "little", b'viewer = "a@b.c"\n'
    yield "unknown", b'blocklist = ["x"]\n[[blocklists]]\nfile = 1\n'
    yield "local", b'[[authorities]]\nkey = "authority.pub"\nurl = "http://127.0.0.1:80/x"\n'


def rule_seeds() -> Seeds:
    far = 253_402_300_799
    packed: dict[str, list[list[canonical.Packable]]] = {
        "who": [["downloadable", False], ["opens", 2], ["recipients", ["*@b.c", "a@b.c"]]],
        "where": [
            ["geo", {"allow": ["/DE//", "EU///"], "block": ["/DE/BY/münchen"]}],
            ["ip", {"allow": ["10.0.0.0-10.0.0.2", "192.0.1.0/255.0.255.0", "::/0"], "block": ["10.0.0.1"]}],
        ],
        "when": [["first_open_for", 3], ["offline_for", 60], ["time", {"end": far, "start": 0}]],
        "device": [["device", {"allow": [bytes(32)]}], ["mac", {"allow": ["00:00:00:00:00:01"]}]],
        "duties": [
            ["obligations", {"watermark": {"text": "x"}}],
            ["require_fresh_blocklist", 9],
            ["require_signature", True],
        ],
        "entry": [
            ["entry", [["**/x", "rights", ["view"]], ["a/*", "time", {"end": 9}]]],
            ["rights", ["print", "view"]],
        ],
        "unknown": [["unknown", 1]],
    }
    for name, rules in packed.items():
        yield name, b"\0" + canonical.pack(rules)
    for at, (name, value) in enumerate(RULES):
        yield f"world-{at:02}", bytes((at,)) + canonical.pack([[name, value]])
        yield f"changed-{at:02}", bytes((128, at & 3, at, at * 3 % 256, 7, 1)) + _edits(at)


def manifest_seeds() -> Seeds:
    drm = b'{"dynamic": true, "geo": {"allow": [{"country": "UK", "city": "London"}]}}'
    yield "nested", b'\1{"container": {"password": "x", "drm": ' + drm + b"}}"
    time, ip = b'{"end": "2031-01-01T00:00:00.5+02:00"}', b'{"block": ["192.*.1.*", "10.0.0.9/24"]}'
    yield "flat", b'\2{"recipients": [], "time": ' + time + b', "ip": ' + ip + b"}"
    files = b'{"drm": {"entry": {"*": {"rights": ["view"]}}}, "files": {"a*": {"type": "x", "downloadable": false}}}'
    yield "files", b"\1" + files
    duties = b'"obligations": ["notice", {"id": "watermark", "args": {"text": "x"}}], "mac": ["00-1A-2B-3C-4D-5E"]'
    yield "duties", b'\1{"rules": {' + duties + b', "device": {"allow": ["' + b"0a" * 32 + b'"]}, "opens": 3}}'
    place = b'{"geo": {"allow": [{"continent": "Europe"}, {"country": "DE", "subdivision": "Bavaria"}]}}'
    yield "places", b'\1{"drm": ' + place + b"}"
    for at in range(len(RULES)):
        yield f"changed-{at:02}", bytes((128, at & 3, at, at * 3 % 256, 7, 1)) + _edits(at)


def gate_seeds() -> Seeds:
    for at in range(len(RULES)):
        yield f"rule-{at:02}", _choices(at & 1, at >> 1 & 1, at % 3, 0, at)
    for stage in (fuzz_gate.BYTES, fuzz_gate.SPLICE, fuzz_gate.LISTED, fuzz_gate.ANSWER):
        for what in range(4):
            edit = Edit(stage, what, 9, what, b"\1")
            yield f"allowed-{stage}-{what}", _choices(what & 1, 1, 1, 0, 1, 0, 1) + edit.pack()
            yield f"blocked-{stage}-{what}", _choices(what & 1, 0, 0, 0, 1, 9) + edit.pack()
    for at in range(8):
        edit = Edit(fuzz_gate.FORGED_POLICY, int(at == 7), at, 0, b"\1")
        yield f"policy-{at}", _choices(at & 1, 0, 1, 0, 0) + edit.pack()


def authority_seeds() -> Seeds:
    for at in range(len(RULES)):
        yield f"rule-{at:02}", _choices(at & 1, 0, at)
    for stage in range(5):
        for what in range(3):
            yield f"denied-{stage}-{what}", _choices(1, 0, 0) + Edit(stage, what, 9, what, b"\1").pack()
            yield f"allowed-{stage}-{what}", _choices(0, 0, 14) + Edit(stage, what, 9, what, b"\1").pack()
    for at in range(7):
        yield f"policy-{at}", _choices(1, 0, 0) + Edit(fuzz_authority.SWAP, 1, at, 0).pack()
    # Into the device's signature, which is one of the last 3,373 bytes.
    yield "signature", _choices(0, 0, 14) + Edit(fuzz_authority.MESSAGE, 0, 9_000, 0, b"\1\2").pack()
    yield "no-device", _choices(0, 0, 14) + Edit(fuzz_authority.SIGNED, 1, 0, 0).pack()


def state_seeds() -> Seeds:
    for who in range(2):
        yield f"whole-{who}", bytes((who,))
        for table in range(9):
            for column in range(3):
                value: canonical.Packable = ("x", 7, b"", None)[(table + column) % 4]
                edit = Edit(0, table, column, 0, canonical.pack(value))
                yield f"cell-{who}-{table}-{column}", bytes((who,)) + edit.pack()
        yield f"bytes-{who}", bytes((who,)) + Edit(1, 0, 4_200, 0, b"\xff").pack()


def _edits(at: int) -> bytes:
    texts = (b"\xa7*@x.y.z", b"\xa810.9.8.7", b"\xa5**/y?", b"\x05", b"\xc3", b"\xa6/DE//x")
    return Edit(0, 32 * (1 + at % 4), at, 1 - at % 2, texts[at % len(texts)]).pack()


def _choices(*first: int) -> bytes:
    return bytes(first).ljust(CHOICES, b"\0")


SEEDS: Final[dict[str, Callable[[], Seeds]]] = {
    "addresses": address_seeds,
    "authority": authority_seeds,
    "blocklist": blocklist_seeds,
    "config": config_seeds,
    "envelope": envelope_seeds,
    "gate": gate_seeds,
    "globs": glob_seeds,
    "manifest": manifest_seeds,
    "note": note_seeds,
    "pages": page_seeds,
    "release": release_seeds,
    "rules": rule_seeds,
    "state": state_seeds,
}
