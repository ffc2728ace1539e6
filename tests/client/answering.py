"""A place on this machine that answers HTTP as a test tells it, byte for byte, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Answer = bytes | Iterable[bytes]
"""What is sent, and then the connection is closed; pieces are sent one by one, with a pause before each."""

LATER = 0.05


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@dataclass
class Answering:
    """`answers` are given in their order, the last one from then on; `asked` are the requests as they came."""

    url: str
    answers: list[Answer]
    asked: list[bytes] = field(default_factory=list)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def answering(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        scheme = "http" if tls is None else "https"
        found = Answering(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}", list(answers))
        thread = threading.Thread(target=_serve, args=(listening, found, tls), daemon=True)
        thread.start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        assert not thread.is_alive()


def _serve(listening: socket.socket, found: Answering, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            line, _ = listening.accept()
        except OSError:
            return
        with contextlib.suppress(OSError), line:
            line.settimeout(5)
            with tls.wrap_socket(line, server_side=True) if tls else contextlib.nullcontext(line) as talk:
                found.asked.append(_request(talk))
                answer = found.next()
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    if not isinstance(answer, bytes):
                        time.sleep(LATER)
                    talk.sendall(piece)


def _request(line: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += line.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(one.split(b":")[1]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length")]
    while len(body) < sum(lengths):
        body += line.recv(65536)
    return head + b"\r\n\r\n" + body
