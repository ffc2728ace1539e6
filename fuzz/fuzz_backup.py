"""Whatever lies beside a container as a backup, `recover` changes nothing outside the recipients' section.

The first byte holds options (1: the hash is made to fit; 2: so is H_bind, 4: so is the offset, 8: so are label,
H_bind, offset and the section's header, and the rest is the section's body), then the backup.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from fuzz import oracle
from fuzz.samples import container
from tera.codec.recover import recover
from tera.codec.rewrap import SUFFIX, parse_backup
from tera.codec.source import open_path, read_front
from tera.crypto.hashes import sha256

LABEL = b"tera/v1/access-backup\0"
FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
FILE = Path(FOLDER.name, "c.tera")
BACKUP = Path(f"{FILE}{SUFFIX}")
BYTES = container("backup")
FILE.write_bytes(BYTES)
FRONT = read_front(open_path(FILE))
START, STOP = FRONT.access_offset, FRONT.length


def one_input(data: bytes) -> None:
    backup = _fitted(data[0] if data else 0, data[1:])
    parsed = parse_backup(backup)
    if parsed is not None:
        body = LABEL + parsed[0] + parsed[1].to_bytes(8, "big") + parsed[2]
        assert body + sha256(body) == backup
    FILE.write_bytes(BYTES)
    BACKUP.write_bytes(backup)
    try:
        found = oracle.tera(recover, FILE)
        after = FILE.read_bytes()
        assert after[:START] == BYTES[:START] and after[STOP:] == BYTES[STOP:], "bytes outside ACCESS were changed"
        if isinstance(found, oracle.Taken):
            assert not BACKUP.exists()
            assert after[START:STOP] == (parsed[2] if parsed else BYTES[START:STOP])
        else:
            assert BACKUP.exists() and after == BYTES
    finally:
        BACKUP.unlink(missing_ok=True)


def _fitted(options: int, body: bytes) -> bytes:
    start = len(LABEL)
    if options & 8:
        body = LABEL + bytes(40) + BYTES[START : START + 8] + body
        options |= 7
    if options & 2:
        body = body[:start] + FRONT.bind + body[start + 32 :]
    if options & 4:
        body = body[: start + 32] + START.to_bytes(8, "big") + body[start + 40 :]
    return body + sha256(body) if options & 1 else body
