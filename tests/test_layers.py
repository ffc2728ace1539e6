"""The layers, the doors and the manners of `tera/`; and small trees that show that each rule can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import layers
from tests.layers import Tree

PROJECT = Path(__file__).resolve().parents[1]
DOC = '"""A law."""\n'


@pytest.fixture(scope="module")
def tree() -> Tree:
    return layers.read(PROJECT)


def small(**sources: str) -> Tree:
    """Make a tree: `wire__zstd="import os"` is tera/wire/zstd.py; packages get an empty `__init__`."""
    files = {"tera/errors.py": DOC}
    for name, text in sources.items():
        path = "tera/" + (name if name.startswith("__") else name.replace("__", "/", 1)) + ".py"
        files[path] = DOC + text
        if "__" in name and not name.startswith("__"):
            files.setdefault(f"{path.rsplit('/', 1)[0]}/__init__.py", DOC)
    return layers.parse(files)


# --- the tree ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", layers.RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule: Callable[[Tree], Iterator[str]], tree: Tree) -> None:
    found = list(rule(tree))
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


def test_an_empty_look_at_the_tree_is_refused(tree: Tree) -> None:
    assert {"tera", "tera.__main__", "tera.errors", "tera.cli"} <= tree.keys()
    edges = [found for module in tree.values() for found in layers.imports(module, tree)]
    assert sum(found.target.startswith("tera.") for found in edges) > len(tree)


def test_a_door_that_leads_nowhere_is_refused(tree: Tree) -> None:
    used = {found.target.split(".")[0] for module in tree.values() for found in layers.imports(module, tree)}
    assert set(layers.DOORS.values()) <= tree.keys()
    assert set(layers.DOORS) <= used


def test_a_package_without_its_type_marker_is_refused() -> None:
    assert (PROJECT / "tera" / "py.typed").is_file()


# --- the rules ------------------------------------------------------------------------------------


def test_a_small_tree_in_order_passes() -> None:
    tree = small(
        wire__canonical="import msgpack\nfrom tera.errors import TeraError",
        wire__zstd="import zstandard\nfrom .. import errors\nfrom . import canonical",
        crypto__random="import os, secrets",
        crypto__pq="from importlib import import_module\nimport_module('pqcrypto.kem')",
        codec__writer="import io, os\nfrom tera.wire import canonical",
        cli____init__="import click\nfrom tera.codec import writer",
        __main__="from tera.cli import main",
        __init__="from tera.codec.writer import *",
    )
    assert layers.complaints(tree) == []


@pytest.mark.parametrize(
    "text",
    [
        "import tera.format.core",
        "from tera.format import core",
        "from tera.format.core import Core",
        "from ..format import core",
        "from ..format.core import Core",
        "def late():\n    from tera.format import core",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tera.format.core import Core",
        "try:\n    pass\nexcept OSError:\n    import tera.format.core",
        "import importlib\nimportlib.import_module('tera.format.core')",
        "from importlib import import_module\nimport_module('..format.core', __package__)",
        "from importlib import import_module\nimport_module(f'tera.format.{1}')",
        "from importlib import import_module\nWHERE = {1: 'tera.format.core'}\nimport_module(WHERE[1])",
        "__import__('tera.format.core')",
    ],
)
def test_an_import_from_a_higher_layer_is_refused(text: str) -> None:
    tree = small(format__core="", crypto__kem=text)
    assert any("tera/crypto/kem.py" in found and "not below it" in found for found in layers.layers(tree))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [("storage__local", "catalog__tables"), ("service__app", "cli__show"), ("codec__reader", "__init__")],
)
def test_an_import_from_the_side_or_of_the_whole_is_refused(importer: str, imported: str) -> None:
    target = "tera" if imported == "__init__" else "tera." + imported.replace("__", ".")
    tree = small(**{importer: f"import {target}", imported: ""})
    assert any("not below it" in found for found in layers.layers(tree))


def test_an_import_of_a_module_that_does_not_exist_is_refused() -> None:
    assert "does not exist" in next(layers.layers(small(wire__zstd="import tera.ghost")))


def test_an_import_by_an_unreadable_name_is_refused() -> None:
    text = "from importlib import import_module\ndef load(name):\n    import_module(name)"
    assert "cannot be read" in next(layers.layers(small(codec__reader=text)))


def test_a_module_outside_the_layers_is_refused() -> None:
    assert "no layer" in next(layers.layers(small(extras__thing="")))


@pytest.mark.parametrize(
    "back", ["import tera.wire.a", "def late():\n    from tera.wire.a import x", "from . import a"]
)
def test_a_cycle_within_a_layer_is_refused(back: str) -> None:
    tree = small(wire__a="from tera.wire import b", wire__b="from tera.wire import c", wire__c=back)
    assert list(layers.layers(tree)) == []
    assert list(layers.cycles(tree)) == ["import cycle: tera.wire.a -> tera.wire.b -> tera.wire.c -> tera.wire.a"]


@pytest.mark.parametrize("package", sorted(layers.DOORS))
def test_a_third_party_package_through_another_door_is_refused(package: str) -> None:
    tree = small(codec__writer=f"def late():\n    import {package}.inner")
    assert list(layers.doors(tree)) == [
        f"tera/codec/writer.py:3: imports {package}, whose door is {layers.DOORS[package]}"
    ]


def test_a_third_party_package_without_a_door_is_refused() -> None:
    assert "no door" in next(layers.doors(small(codec__writer="import requests")))


def test_a_door_with_a_longer_name_is_refused() -> None:
    assert "whose door is" in next(layers.doors(small(wire__zstd_more="import zstandard")))


@pytest.mark.parametrize("layer", ["wire", "crypto", "format", "policy"])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "import os",
            "import io",
            "import time",
            "from pathlib import Path",
            "import socket",
            "import random",
        ),
        *(
            "import logging",
            "from os import urandom",
            "def late():\n    import subprocess.run",
            "import secrets",
        ),
        *("open('x')", "input()", "import datetime\ndatetime.datetime.now()", "import urllib.request"),
        *("import sys\nsys.stdin.read()", "from sys import argv"),
    ],
)
def test_the_outside_world_in_the_core_is_refused(layer: str, text: str) -> None:
    assert "the core" in next(layers.purity(small(**{f"{layer}__thing": text})))


def test_randomness_elsewhere_in_its_door_is_refused() -> None:
    assert "imports time" in next(layers.purity(small(crypto__random="import os\nimport time")))


def test_the_facts_of_the_machine_pass() -> None:
    assert list(layers.purity(small(format__index="import sys\nBIG = sys.byteorder == 'big'"))) == []


def test_a_function_of_ones_own_named_open_passes() -> None:
    assert list(layers.purity(small(crypto__hpke="def open(enc):\n    return enc\nopen(b'')"))) == []


@pytest.mark.parametrize("text", ["print('x')", "import logging", "def late():\n    from logging import getLogger"])
def test_talk_below_the_command_line_is_refused(text: str) -> None:
    assert len(list(layers.silence(small(codec__writer=text)))) == 1
    assert list(layers.silence(small(cli__show=text))) == []


def test_a_file_over_400_lines_is_refused() -> None:
    assert list(layers.size(small(wire__long="x = 1\n" * 399))) == []
    assert list(layers.size(small(wire__long="x = 1\n" * 400))) == ["tera/wire/long.py: 401 lines, at most 400"]


def test_a_module_without_a_docstring_is_refused() -> None:
    assert list(layers.docstrings(layers.parse({"tera/errors.py": "x = 1"}))) == ["tera/errors.py: has no docstring"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("wire__utils", ""), ("wire__key_helpers", ""), ("wire__keys", "class KeyManager: ...")],
)
def test_a_name_that_says_nothing_is_refused(name: str, text: str) -> None:
    assert "says nothing" in next(layers.names(small(**{name: text})))
