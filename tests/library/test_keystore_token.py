"""tera.library.keystore_token: on SoftHSM, and on a token in memory for what no token does when it is asked to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tera.errors import BadInput, KeysUnavailable
from tera.library.keystore_kek import MasterKek
from tera.library.keystore_pkcs11 import TokenPlace
from tera.library.keystore_token import GCM, KEY_WRAP, TokenKek
from tests.library.tokens import PIN, FakeKey, FakePackage, SoftHsm, fake_kek, one_key, softhsm, softhsm_kek

pytest.importorskip("pkcs11", reason="no python-pkcs11: pip install 'tera-container[pkcs11]'")

__all__ = ["softhsm"]
SECRET = bytes(range(32))


@pytest.fixture(params=["memory", "memory, key wrap", "softhsm", "softhsm, key wrap"])
def kek(request: pytest.FixtureRequest) -> TokenKek:
    """A key in a token, by AES-GCM or by key wrap."""
    where, _, how = request.param.partition(", ")
    if where == "memory":
        return fake_kek(one_key(ENCRYPT=not how))
    return softhsm_kek(request.getfixturevalue("softhsm"), encrypts=not how)


def damages(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
    yield from (b"", data[:-1], data + b"\0", data[1:])


def test_the_token_gives_back_what_it_was_given(kek: TokenKek) -> None:
    wrapped = kek.wrap(b"context", SECRET)
    assert SECRET not in wrapped and kek.unwrap(b"context", wrapped) == SECRET
    assert kek.wrap(b"context", SECRET) != wrapped


def test_what_was_changed_is_refused_wherever_it_was(kek: TokenKek) -> None:
    wrapped = kek.wrap(b"context", SECRET)
    tried = 0
    for changed in damages(wrapped):
        with pytest.raises(KeysUnavailable):
            kek.unwrap(b"context", changed)
        tried += 1
    assert tried > len(wrapped)
    assert kek.unwrap(b"context", wrapped) == SECRET


def test_what_was_wrapped_for_another_context_is_refused(kek: TokenKek) -> None:
    with pytest.raises(KeysUnavailable, match=r"changed|not the one"):
        kek.unwrap(b"contexT", kek.wrap(b"context", SECRET))


def test_another_key_of_the_token_opens_nothing(kek: TokenKek) -> None:
    other = TokenKek(TokenPlace(kek.place.module, kek.place.token, "other"), PIN)
    if kek.place.module.startswith("/a-module"):
        other = TokenKek(other.place, PIN, load=kek._module._load)
    other.make()
    with pytest.raises(KeysUnavailable, match="did not make this, or it was changed"):
        other.unwrap(b"context", kek.wrap(b"context", SECRET))
    assert other.unwrap(b"context", other.wrap(b"context", SECRET)) == SECRET


def test_neither_pin_nor_secret_is_shown() -> None:
    package = one_key()
    kek = fake_kek(package)
    package.fails = ["DeviceError"] * 9
    with pytest.raises(KeysUnavailable) as caught:
        kek.wrap(b"context", SECRET)
    shown = f"{kek!r} {kek.__dict__} {caught.value} {caught.value.hint} {caught.value.__context__!r}"
    assert PIN not in shown and SECRET.hex() not in shown


def test_the_key_that_is_made_cannot_be_taken_out_and_not_be_made_twice(softhsm: SoftHsm) -> None:
    from pkcs11 import Attribute, KeyType, ObjectClass
    from pkcs11.exceptions import PKCS11Error

    kek = softhsm_kek(softhsm)
    kek.wrap(b"", SECRET)
    assert kek._held is not None
    key = kek._held.session.get_key(object_class=ObjectClass.SECRET_KEY, key_type=KeyType.AES, label="tera")
    assert (key[Attribute.NEVER_EXTRACTABLE], key[Attribute.ALWAYS_SENSITIVE]) == (True, True)
    with pytest.raises(PKCS11Error):
        key[Attribute.VALUE]
    with pytest.raises(KeysUnavailable, match="called 'tera' already"):
        kek.make()


def test_the_key_that_is_made_is_to_stay_in_the_token() -> None:
    package = FakePackage()
    fake_kek(package).make()
    [(name, key)] = package.keys
    assert name == "tera" and len(key.value) == 32
    assert key.attributes == {"PRIVATE": True, "SENSITIVE": True, "EXTRACTABLE": False}


def test_a_token_that_gives_too_little_is_refused() -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    package.cut = 1
    with pytest.raises(KeysUnavailable, match="does not wrap as it should"):
        kek.wrap(b"context", SECRET)
    with pytest.raises(KeysUnavailable, match="damaged"):
        kek.unwrap(b"context", wrapped)


def test_the_token_is_not_asked_for_what_no_token_wrapped() -> None:
    package = one_key()
    kek = fake_kek(package)
    for other in (MasterKek(bytes(32)).wrap(b"context", SECRET), b"", b"\1", b"\2" * 61, b"\1" * 137):
        with pytest.raises(KeysUnavailable, match="not wrapped by a token"):
            kek.unwrap(b"context", other)
    assert package.pins == []


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (one_key(EXTRACTABLE=True), "can be taken out"),
        (one_key(SENSITIVE=False), "can be taken out"),
        (FakePackage(keys=[("tera", FakeKey(bytes(16)))]), "not AES-256"),
        (FakePackage(keys=[("tera", FakeKey(bytes(32)))] * 2), "several AES keys"),
        (FakePackage(), "no AES key 'tera'"),
        (FakePackage(label="other"), "no token 'token'"),
        (one_key(DECRYPT=False, UNWRAP=False), "neither AES-GCM nor AES key wrap"),
        (FakePackage(keys=one_key().keys, mechanisms=()), "neither AES-GCM nor AES key wrap"),
    ],
)
def test_a_key_that_does_not_do_is_refused_by_name(package: FakePackage, said: str) -> None:
    with pytest.raises(KeysUnavailable, match=said) as caught:
        fake_kek(package).wrap(b"context", SECRET)
    assert caught.value.hint


def test_what_key_wrap_wrapped_still_opens_when_the_key_may_encrypt_too() -> None:
    package = one_key(ENCRYPT=False)
    kek = fake_kek(package)
    old = kek.wrap(b"context", SECRET)
    package.keys[0][1].attributes.clear()
    package.lose_sessions()
    again = fake_kek(package)
    assert again.unwrap(b"context", old) == SECRET
    assert (old[0], again.wrap(b"context", SECRET)[0]) == (KEY_WRAP, GCM)


def test_what_the_key_may_not_open_is_refused() -> None:
    package = one_key()
    old = fake_kek(package).wrap(b"context", SECRET)
    package.keys[0][1].attributes["DECRYPT"] = False
    package.logged_in = False
    with pytest.raises(KeysUnavailable, match="did not make this"):
        fake_kek(package).unwrap(b"context", old)


# --- PINs ------------------------------------------------------------------------------------------


def test_a_wrong_pin_is_sent_once() -> None:
    package = one_key()
    kek = fake_kek(package, pin="0000")
    for _ in range(5):
        with pytest.raises(KeysUnavailable, match="refused the PIN"):
            kek.wrap(b"context", SECRET)
    assert package.pins == ["0000"]
    assert package.starts == 1  # the package leaves the session open that could not log in


def test_a_wrong_pin_is_refused_by_softhsm(softhsm: SoftHsm) -> None:
    place = softhsm_kek(softhsm).place
    with pytest.raises(KeysUnavailable, match="refused the PIN"):
        TokenKek(place, "0000").wrap(b"context", SECRET)
    assert TokenKek(place, PIN).wrap(b"context", SECRET)


def test_a_locked_pin_is_said_and_not_sent_again() -> None:
    package = one_key()
    package.fails = ["PinLocked"]
    kek = fake_kek(package)
    for _ in range(2):
        with pytest.raises(KeysUnavailable, match="locked"):
            kek.wrap(b"context", SECRET)
    assert package.fails == [] and package.pins == []


def test_no_pin_is_sent_that_could_lock_the_token() -> None:
    package = one_key()
    package.final_try = True
    with pytest.raises(KeysUnavailable, match="locks the token"):
        fake_kek(package).wrap(b"context", SECRET)
    assert package.pins == []
    package.final_try = False
    assert fake_kek(package).wrap(b"context", SECRET)


# --- tokens that go and come -----------------------------------------------------------------------


def test_a_token_that_is_taken_out_is_missed_and_found_again() -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    package.present = False
    for _ in range(2):
        with pytest.raises(KeysUnavailable, match="no token 'token'") as caught:
            kek.unwrap(b"context", wrapped)
        assert caught.value.hint
    package.present = True
    assert kek.unwrap(b"context", wrapped) == SECRET


def test_a_token_of_softhsm_that_is_taken_out_is_missed_and_found_again(softhsm: SoftHsm) -> None:
    kek = softhsm_kek(softhsm)
    wrapped = kek.wrap(b"context", SECRET)
    with softhsm.away(), pytest.raises(KeysUnavailable, match=r"the token|no token"):
        kek.unwrap(b"context", wrapped)
    assert kek.unwrap(b"context", wrapped) == SECRET


@pytest.mark.parametrize("name", ["SessionHandleInvalid", "DeviceError", "GeneralError", "UserNotLoggedIn"])
def test_a_token_that_fails_for_a_moment_is_asked_again(name: str) -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    package.fails = [name, name]  # the call, and the look whether it works
    assert kek.unwrap(b"context", wrapped) == SECRET


def test_sessions_that_are_lost_are_not_noticed() -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    package.lose_sessions()
    assert kek.unwrap(b"context", wrapped) == SECRET
    assert package.pins == [PIN, PIN]


def test_a_token_that_keeps_failing_is_not_asked_for_ever() -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    package.fails = ["DeviceError"] * 1_000
    with pytest.raises(KeysUnavailable, match="DeviceError"):
        kek.unwrap(b"context", wrapped)
    assert len(package.fails) > 990


def test_a_changed_text_does_not_start_the_module_again() -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    with pytest.raises(KeysUnavailable):
        kek.unwrap(b"other", wrapped)
    assert (package.starts, package.pins) == (0, [PIN])


def test_a_start_for_one_key_is_survived_by_the_other() -> None:
    package = one_key()
    package.keys.append(("other", FakeKey(os.urandom(32))))
    one, other = fake_kek(package, module="/shared.so"), fake_kek(package, "other", module="/shared.so")
    kept, mine = one.wrap(b"context", SECRET), other.wrap(b"context", SECRET)
    package.fails = ["DeviceError", "DeviceError"]
    assert one.unwrap(b"context", kept) == SECRET
    assert other.unwrap(b"context", mine) == SECRET
    assert package.starts == 1


def test_what_is_no_module_is_refused(tmp_path: object) -> None:
    for path in ("/nowhere/module.so", __file__):
        with pytest.raises(KeysUnavailable, match="not reached") as caught:
            TokenKek(TokenPlace(path, "token"), PIN).wrap(b"context", SECRET)
        assert caught.value.hint


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(BadInput, match="python-pkcs11") as caught:
        TokenKek(TokenPlace("/a.so", "token"), PIN)
    assert caught.value.hint is not None and "pkcs11" in caught.value.hint


# --- threads and processes -------------------------------------------------------------------------


def test_threads_do_not_disturb_each_other(kek: TokenKek) -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(5):
            secret = bytes((number, turn)) * 16
            context = b"%d" % number
            if kek.unwrap(context, kek.wrap(context, secret)) != secret:
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


def test_a_forked_child_logs_in_for_itself(softhsm: SoftHsm) -> None:
    kek = softhsm_kek(softhsm)
    wrapped = kek.wrap(b"context", SECRET)
    assert _in_child(lambda: kek.unwrap(b"context", wrapped)) == SECRET
    assert kek.unwrap(b"context", wrapped) == SECRET


def test_a_child_uses_nothing_of_its_parents_login() -> None:
    package = one_key()
    kek = fake_kek(package)
    wrapped = kek.wrap(b"context", SECRET)
    assert _in_child(lambda: kek.unwrap(b"context", wrapped) + bytes((len(package.pins), package.starts))) == (
        SECRET + bytes((2, 1))
    )
    assert kek.unwrap(b"context", wrapped) == SECRET and (package.pins, package.starts) == ([PIN], 0)


def test_a_fork_while_another_thread_is_in_the_module_does_not_hang_the_child() -> None:
    kek = fake_kek(one_key())
    wrapped = kek.wrap(b"context", SECRET)
    entered, done = threading.Event(), threading.Event()

    def hold() -> None:
        with kek._module.turn:
            entered.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(10)
    try:
        assert _in_child(lambda: kek.unwrap(b"context", wrapped)) == SECRET
    finally:
        done.set()
        thread.join()


def _in_child(work: Callable[[], bytes]) -> bytes:
    reader, writer = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            writer.send_bytes(work())
        finally:
            os._exit(0)
    writer.close()
    try:
        return reader.recv_bytes() if reader.poll(10) else b"nothing"
    finally:
        reader.close()
        os.kill(pid, signal.SIGKILL)  # one that hangs
        os.waitpid(pid, 0)
