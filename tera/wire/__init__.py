"""Encodings without keys: canonical msgpack and Bech32."""
