"""The container's grammar: bytes to values and back, no I/O, no clock, no randomness."""
