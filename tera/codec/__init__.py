"""Containers as a whole: sealing, opening, reading, rewrapping, with files and pipes."""
