"""Asking an authority for its share of a key, and its signed answer: bytes and checks, no network, no state."""
