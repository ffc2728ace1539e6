"""A test that asks for `library` gets an empty one of its own, on a SQLite file and a folder; `clock` is its clock."""

from tests.library.places import clock, empty_catalog, library

__all__ = ["clock", "empty_catalog", "library"]
