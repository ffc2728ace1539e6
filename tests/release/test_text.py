"""What spec/release.md says of codes, limits, labels and keys is what the code does."""

from __future__ import annotations

import re

import tera.errors
from tera.authority import authority
from tera.errors import TeraError
from tera.format import limits
from tera.policy import checks
from tera.release import answer, lease, report, request
from tera.release.framing import Form
from tera.wire import canonical
from tests.release.made import LEASE_PARTS, answered, asked
from tests.release.text import TEXT, section

FORMS: dict[str, Form] = {"request": request.FORM, "answer": answer.FORM, "report": report.FORM}


def keys(heading: str) -> list[str]:
    return re.findall(r"^\| `([a-z]+)` \| ", section(heading).partition("the caller's error")[0], re.MULTILINE)


def test_codes_and_families_are_those_of_the_tree() -> None:
    kinds = [kind for kind in vars(tera.errors).values() if isinstance(kind, type) and issubclass(kind, TeraError)]
    by_code = {kind.code: kind for kind in kinds}
    rows = re.findall(r"^\| `([a-z_]+)` \| ([a-z]+) \|", section("Errors"), re.MULTILINE)
    assert len(rows) >= 15
    for code, family in rows:
        assert by_code[code].__bases__[0].__name__.lower() == family, code


def test_every_code_that_is_refused_with_is_in_a_table() -> None:
    before = TEXT.split("\n## Errors\n")[0]
    used = set(re.findall(r"`((?:bad|not|wrong|unknown|answer|request|share|stale|lease|state)_[a-z_]+)`", before))
    stated = {code for code, _ in re.findall(r"^\| `([a-z_]+)` \| ([a-z]+) \|", section("Errors"), re.MULTILINE)}
    assert len(used) >= 12
    assert used - stated <= answer.CODES | {"bad_policy", report.KIND}


def test_labels_and_codes_of_messages_are_those_of_the_text() -> None:
    rows = re.findall(r"^\| ([a-z]+) \| `\"(.*)\\0\"` \| `([a-z_]+)` \|$", section("Messages"), re.MULTILINE)
    assert {(name, label.encode() + b"\0", code) for name, label, code in rows} == {
        (name, form.label, form.error.code) for name, form in FORMS.items()
    }


def test_other_labels_are_those_of_the_text() -> None:
    for label in (answer.release_info(b"", b""), *LEASE_PARTS):
        assert f'"{label.decode()}"'.replace("\0", "\\0") in TEXT


def test_limits_are_those_of_the_text() -> None:
    assert {form.longest for form in FORMS.values()} == {524_288}
    for heading, phrase in {
        "Messages": f"more than {request.LONGEST:,} bytes",
        "Request": f"bin, {request.NONCE} bytes",
        "What the authority does": f"not more than {request.SKEW} seconds away",
        "Answer": f"0 to {limits.TIME_MAX:,}",
        "Reports": f"array of 1 to {report.EVENTS} bin",
        "Over HTTP": f"at most {request.LONGEST:,} bytes",
    }.items():
        assert phrase in section(heading), phrase
    assert f"at most {checks.OBLIGATIONS} ids" in section("Request")
    assert f"0 to {checks.OBLIGATIONS}, id to arguments" in section("Answer")
    assert f"{authority.KEEP:,} seconds, or as long" in section("What the authority does")
    assert f"{authority.SESSION:,} seconds ago" in section("What the authority does")
    assert f"at least {2 * request.SKEW}," in section("What the authority does")
    assert f"of kind `{report.KIND}`" in section("Reports")


def test_keys_of_the_tables_are_those_of_the_messages() -> None:
    for heading, packed in (("Request", FORMS["request"].split(asked())[0]), ("Answer", answered().pack())):
        assert keys(heading) == keys_of(packed), heading
    assert keys("Reports") == ["aud", "dev", "events", "first", "v"]


def test_parts_of_the_text_that_the_code_points_to_are_there() -> None:
    for module in (request, answer, lease, report):
        heading = re.search(r'Spec: spec/release.md, "([A-Za-z]+)"', str(module.__doc__))
        assert heading is not None
        assert section(heading[1])


def keys_of(packed: bytes) -> list[str]:
    value = canonical.unpack(packed, what="a message", max_len=1 << 20)
    assert isinstance(value, dict)
    return sorted(value)
