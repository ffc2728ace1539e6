"""Everything here that calls tera's Python API, to be run as a process of its own; prints JSON.

- `library.py open FILE KEY READS`: after the import: the first open, then reads of 64 KiB at random places
- `library.py make FILE PUB COUNT`: a container of COUNT small entries
- `library.py list FILE KEY`: open it and list all names
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

PIECE = 64 << 10


def api() -> Any:
    return importlib.import_module("tera")


def identities_of(tera: Any, key: str) -> Any:
    return tera.load_identities(Path(key).read_bytes(), where=key)


def open_and_read(file: str, key: str, reads: int) -> dict[str, Any]:
    tera = api()
    identities = identities_of(tera, key)
    opened = tera.open  # names are loaded at their first use: here ends the import
    start = time.perf_counter()
    container = opened(file, identities)
    first = time.perf_counter() - start
    places = random.Random(0)
    spent = []
    with container:
        entry = max(container.entries, key=lambda one: one.size)
        for _ in range(reads):
            place = places.randrange(max(1, entry.size - PIECE))
            start = time.perf_counter()
            with container.open(entry.path) as stream:
                stream.seek(place)
                data = stream.read(PIECE)
            spent.append(time.perf_counter() - start)
            if len(data) != min(PIECE, entry.size):
                raise SystemExit(f"a read at {place} gave {len(data)} bytes")
    return {"open": first, "reads": spent}


def make(file: str, public: str, count: int) -> dict[str, Any]:
    tera = api()
    start = time.perf_counter()
    recipients = tera.load_recipients(Path(public).read_bytes(), where=public)
    with tera.Encoder(file, recipients=recipients) as encoder:
        for number in range(count):
            encoder.add_content(f"{number // 1000:04d}/{number:07d}.txt", b"entry %d\n" % number)
    return {"make": time.perf_counter() - start}


def list_names(file: str, key: str) -> dict[str, Any]:
    tera = api()
    identities = identities_of(tera, key)
    start = time.perf_counter()
    with tera.open(file, identities) as container:
        names = [entry.path for entry in container.entries]
    return {"list": time.perf_counter() - start, "count": len(names)}


def main(verb: str, file: str, key: str, count: str = "0") -> None:
    if verb == "open":
        answer = open_and_read(file, key, int(count))
    elif verb == "make":
        answer = make(file, key, int(count))
    elif verb == "list":
        answer = list_names(file, key)
    else:
        raise SystemExit(__doc__)
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
