"""How the tables came to be, step by step: one module a version, which Alembic runs in order.

The law of this package: a step is never changed once somebody may have run it, and names every table and column
itself: `tables.py` says what there is, a step what was done. `python -m tests.catalog.draft` prints the operations
that are missing, and a test fails while any is.
"""
