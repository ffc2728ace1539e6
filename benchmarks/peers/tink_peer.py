"""Drive Tink: `keygen DIR`, `encrypt DIR SRC DST`, `decrypt DIR SRC DST`; a symmetric key, stored in clear.

Tink streams with symmetric keys only (a hybrid stream does not exist), so this is AES256_GCM_HKDF_1MB alone:
it does less work than the peers that also wrap a key.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

PIECE = 1 << 20


def main(verb: str, keys: Path, *files: str) -> None:
    tink = importlib.import_module("tink")
    streaming = importlib.import_module("tink.streaming_aead")
    streaming.register()
    access = importlib.import_module("tink.secret_key_access")
    stored = keys / "tink.json"
    if verb == "keygen":
        made = tink.new_keyset_handle(streaming.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)
        stored.write_text(tink.json_proto_keyset_format.serialize(made, access.TOKEN))
        return
    handle = tink.json_proto_keyset_format.parse(stored.read_text(), access.TOKEN)
    primitive = handle.primitive(streaming.StreamingAead)
    with open(files[0], "rb") as source, open(files[1], "wb") as target:
        if verb == "encrypt":
            with primitive.new_encrypting_stream(target, b"") as sealed:
                while piece := source.read(PIECE):
                    sealed.write(piece)
        else:
            with primitive.new_decrypting_stream(source, b"") as opened:
                while piece := opened.read(PIECE):
                    target.write(piece)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
