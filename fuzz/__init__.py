"""Fuzz targets: each `fuzz_NAME.py` opens with its invariant and has `one_input(data)`; `run.py` drives them.

A target knows nothing of the fuzzer, so that its corpus can be run again without one.
"""
