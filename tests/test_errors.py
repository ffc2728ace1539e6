"""Every failure has one code and one family that says whose fault it is, and shows one line without secrets."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tera import errors
from tera.errors import Denied, Malformed, NotFound, TeraError, Unauthentic, Unavailable

FAMILIES: tuple[type[TeraError], ...] = (Malformed, Unauthentic, Denied, NotFound, Unavailable)
PROJECT = Path(__file__).resolve().parents[1]
TEXT = PROJECT / "spec" / "container.md"


def leaves(of: type[TeraError] = TeraError) -> Iterator[type[TeraError]]:
    for kind in of.__subclasses__():
        if kind.__module__.startswith("tera.errors."):
            if kind not in FAMILIES:
                yield kind
            yield from leaves(kind)


LEAVES = list(leaves())
ABOVE: list[type[TeraError]] = [TeraError, *FAMILIES]

# A code never changes: programs compare it. A new one is added here, an old one is never edited.
CODES = """
    access_mac answer_signature answer_swapped authority_unavailable bad_access bad_answer bad_blocklist
    bad_checkpoint bad_chunk bad_core bad_credentials bad_digest bad_event bad_frame bad_index bad_input bad_key
    bad_layout bad_log bad_log_proof bad_manifest bad_path bad_policy bad_record bad_request bad_root
    bad_section bad_signature bad_stanza bad_trailer blocked blocklist_digest blocklist_issuer
    blocklist_rollback blocklist_signature catalog_unavailable clock_behind conflict forbidden input_changed
    input_unavailable interrupted_rewrap key_commitment keys_unavailable lease_expired limit_exceeded locked
    log_unavailable missing_blocklist missing_signature no_key no_such_blob no_such_entry no_such_event
    no_such_thing not_canonical not_tera output_exists output_unavailable policy_expired policy_rollback
    policy_signature policy_signer policy_swapped policy_unsigned precondition_failed quota_exceeded
    request_signature rule_denied segment_commitment server_unavailable share_refused stale_blocklist
    stale_request state_unavailable store_unavailable too_many_tries trailer_mac trailing_data truncated
    unknown_feature unknown_session unknown_viewer unsafe_target unsupported_rule unsupported_version
    wrong_authority wrong_passphrase
""".split()


def stated() -> dict[str, str]:
    """The table under "Errors" of the text: the family of each code."""
    section = TEXT.read_text("utf-8").split("\n## Errors\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {code: row[1].strip() for row in rows for code in re.findall(r"`([a-z_]+)`", row[0])}


# --- the tree ---------------------------------------------------------------------------------------


def test_there_are_five_families_and_every_leaf_is_in_one() -> None:
    assert tuple(TeraError.__subclasses__()) == FAMILIES
    assert len(LEAVES) >= 40
    for leaf in LEAVES:
        assert leaf.__bases__[0] in FAMILIES, f"{leaf.__name__} is not right below a family"
        assert sum(issubclass(leaf, family) for family in FAMILIES) == 1
        assert not leaf.__subclasses__()


def test_every_exception_of_the_module_is_in_the_tree() -> None:
    classes = dict(inspect.getmembers(errors, inspect.isclass))
    assert set(classes.values()) == {*ABOVE, *LEAVES}
    assert sorted(classes) == errors.__all__


def test_every_leaf_has_a_code_of_its_own() -> None:
    codes = [leaf.code for leaf in LEAVES]
    assert len(set(codes)) == len(codes)
    assert not set(codes) & {kind.code for kind in ABOVE}
    for leaf in LEAVES:
        assert "code" in vars(leaf), f"{leaf.__name__} has only its family's code"
        assert leaf.code == re.sub(r"(?<=[a-z])(?=[A-Z])", "_", leaf.__name__).lower()


def test_codes_never_change() -> None:
    assert sorted(leaf.code for leaf in LEAVES) == CODES


def test_codes_and_families_are_those_of_the_text() -> None:
    families = stated()
    assert len(families) >= 35
    by_code = {kind.code: kind for kind in ABOVE + LEAVES}
    for code, family in families.items():
        assert issubclass(by_code[code], by_code[family]), code


@pytest.mark.parametrize("name", ["audit", "policy", "release"])
def test_codes_and_families_are_those_of_every_text(name: str) -> None:
    text = (PROJECT / "spec" / f"{name}.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| (malformed|unauthentic|denied|not_found|unavailable) \|", text, re.M)
    by_code = {kind.code: kind for kind in ABOVE + LEAVES}
    assert rows
    for code, family in rows:
        assert issubclass(by_code[code], by_code[family]), code


def test_every_code_that_the_text_refuses_with_is_in_its_table() -> None:
    text = TEXT.read_text("utf-8").split("\n## Errors\n")[0]
    used = set(re.findall(r"`((?:bad|not|no|unsupported|unknown|missing|wrong|trailing|limit)_[a-z]+)`", text))
    assert len(used) >= 20
    assert used <= set(stated())


def test_exit_statuses_are_those_of_the_command() -> None:
    special = {
        **{"not_tera": 10, "unsupported_version": 10, "no_key": 11, "wrong_passphrase": 12},
        **{"blocked": 14, "bad_key": 2, "bad_input": 2},
    }
    families: dict[type[TeraError], int] = {Malformed: 13, Unauthentic: 13, Denied: 15, NotFound: 1, Unavailable: 4}
    for leaf in LEAVES:
        (family,) = (status for kind, status in families.items() if issubclass(leaf, kind))
        assert leaf.exit == special.get(leaf.code, family), leaf.code
    assert 0 not in {kind.exit for kind in ABOVE + LEAVES}


# --- one error --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ABOVE + LEAVES)
def test_an_error_survives_another_process(kind: type[TeraError]) -> None:
    for error in (kind("a message\nof two lines"), kind("a message", hint="a hint")):
        for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
            assert type(other) is kind
            assert (str(other), other.hint, other.code) == (str(error), error.hint, error.code)


@pytest.mark.parametrize("kind", LEAVES)
def test_a_hint_is_the_callers_or_the_kinds_own(kind: type[TeraError]) -> None:
    assert kind("it").hint == kind.default_hint
    assert kind("it", hint="do this").hint == "do this"
    assert kind.default_hint is None or (kind.default_hint and kind.default_hint.isprintable())


@given(st.text())
def test_a_message_is_one_printable_line(message: str) -> None:
    shown = str(Malformed(message))
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    if message.isprintable():
        assert shown == message
    assert str(Malformed(shown)) == shown, "said once more, it is the same"


@pytest.mark.parametrize(
    "trick",
    ["\n", "\r", "\x1b[2J", "\x07", "\0", "\x85", "\u2028", "\u2029", "\u202e", "\u200e", "\u2066", "\x9b", "\ud800"],
)
def test_a_name_cannot_speak_to_the_terminal(trick: str) -> None:
    shown = str(Unavailable(f"a{trick}b: is not there"))
    assert not set(trick) - set(" [2J") & set(shown)
    assert shown.startswith("a\\")
    shown.encode()  # also half a character can be printed


# --- no secrets -------------------------------------------------------------------------------------


SECRET = frozenset("file_key fk seed share shares secret passphrase password plain kek okm prk private content".split())

WORDS = {("keyfile.py", "secret")}  # there it is that word itself, of a key's kind


def shown_names(message: ast.expr) -> set[str]:
    """The names whose values a message shows; a length, or what a condition asks, is not shown."""
    if isinstance(message, ast.IfExp):
        return shown_names(message.body) | shown_names(message.orelse)
    if isinstance(message, ast.Call) and ast.unparse(message.func) in ("len", "type"):
        return set()
    if isinstance(message, ast.Name):
        return {message.id}
    if isinstance(message, ast.Attribute):
        return {message.attr} | shown_names(message.value)
    return {
        name for child in ast.iter_child_nodes(message) if isinstance(child, ast.expr) for name in shown_names(child)
    }


def test_what_a_message_shows_is_seen() -> None:
    for text, names in {
        'f"a {seed!r} b"': {"seed"},
        'f"{len(seed)} bytes"': set(),
        """f"{'a' if secret else 'b'}" """: set(),
        'f"{self.seed.hex()}"': {"seed"},
        '"the key"': set(),
        '"{}".format(share)': {"share", "format"},
        '"a " + kek': {"kek"},
    }.items():
        assert shown_names(ast.parse(text.strip(), mode="eval").body) & SECRET == names & SECRET, text


def test_no_message_is_made_from_a_secret() -> None:
    looked = 0
    for file in sorted((PROJECT / "tera").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                looked += 1
                shown = [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]
                found = {name for part in shown for name in shown_names(part)} & SECRET
                found -= {word for name, word in WORDS if name == file.name}
                assert not found, f"{file.relative_to(PROJECT)}:{node.lineno} shows {found}"
    assert looked > 150


def test_a_wrong_secret_is_not_in_what_is_shown_of_the_refusal() -> None:
    from tera.crypto.wrap import unwrap, wrap
    from tera.format.schedule import KeySchedule

    secret, share = b"open sesame, please do", b"\xa5\x5a" * 16
    ct = wrap(secret, bytes(16), b"", share)
    calls: list[Callable[[], object]] = [
        lambda: unwrap(secret, bytes(16), b"", ct[:-1] + bytes((ct[-1] ^ 1,))),
        lambda: KeySchedule.checked(share, bytes(32), bytes(32)),
    ]
    for call in calls:
        with pytest.raises(Unauthentic) as caught:
            call()
        shown = f"{caught.value!r} {caught.value} {caught.value.hint} {caught.value.args}"
        for hidden in (secret, share):
            assert hidden.hex() not in shown
            assert str(hidden)[2:-1] not in shown
        assert caught.value.__cause__ is None
