"""What the house style asks of the sources of `tera/`, checked on their syntax trees alone.

The law of this file: it takes a mapping from path (`tera/wire/zstd.py`) to source text and returns
complaints, one line each; nothing is imported or run. So it sees what an import at run time would not:
imports inside functions, under TYPE_CHECKING, in branches for other platforms, and through
`import_module`. `tests/test_layers.py` runs it on the tree and on small sources that must fail.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = ""  # the layer of tera/__init__.py, which gathers the public names
ORDER = (
    ("errors",),
    ("wire",),
    ("crypto",),
    ("format",),
    ("policy",),
    ("audit",),
    ("release",),
    ("state",),
    ("codec",),
    ("authority", "client"),
    (ROOT,),
    ("storage", "catalog"),
    ("library",),
    ("service",),
    ("cli",),
)
"""Lower first. A module imports its own layer and those before it; layers side by side are strangers."""

DOORS = {
    "alembic": "tera.catalog",
    "blake3": "tera.crypto.hashes",
    "click": "tera.cli",
    "countryinfo": "tera.policy.countries",
    "cryptography": "tera.crypto",
    "fastapi": "tera.service",
    "idna": "tera.policy.people",
    "maxminddb": "tera.service.geo",
    "msgpack": "tera.wire.canonical",
    "multipart": "tera.service.forms",
    "obstore": "tera.storage.objects",
    "prometheus_client": "tera.service.metrics",
    "pkcs11": "tera.library.keystore_pkcs11",
    "pqcrypto": "tera.crypto.pq",
    "pycountry": "tera.policy.countries",
    "sqlalchemy": "tera.catalog",
    "starlette": "tera.service",
    "uvicorn": "tera.service.serve",
    "zstandard": "tera.wire.zstd",
}
"""Third-party package: the module, or the package of modules, that alone imports it."""

CORE = frozenset({"errors", "wire", "crypto", "format", "policy", "audit", "release"})
OUTSIDE = frozenset(
    "argparse asyncio concurrent ctypes fcntl getpass glob http io locale logging mmap multiprocessing os "
    "pathlib pickle platform random secrets select selectors shutil signal socket sqlite3 ssl subprocess "
    "tempfile termios time tty urllib uuid".split()
)
"""Standard modules that are files, clocks, processes, networks, randomness or settings of the machine."""

RANDOMNESS = {"os": "tera.crypto.random", "secrets": "tera.crypto.random"}
PURE_SYS = frozenset({"byteorder", "intern", "maxsize"})
CLOCK = frozenset({"now", "utcnow", "today"})
MAX_LINES = 400
EMPTY_NAMES = frozenset({"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"})


@dataclass(frozen=True)
class Import:
    target: str
    line: int


@dataclass(frozen=True)
class Module:
    """One source file. `name` is dotted; `tera/wire/__init__.py` is `tera.wire`."""

    path: str
    text: str

    @cached_property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def layer(self) -> str | None:
        """The layer's name, or None where the module has no place in the order."""
        return layer_of(self.name)

    def anchor(self, level: int) -> str:
        """Return the package that `level` leading dots mean here."""
        parts = self.name.split(".")
        drop = level - 1 if self.path.endswith("/__init__.py") else level
        return ".".join(parts[: len(parts) - drop])

    def calls(self, names: frozenset[str]) -> Iterator[ast.Call]:
        """Every call of a bare name out of `names` that the module does not define or import itself."""
        own: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.alias):
                own.add(node.asname or node.name)
            elif isinstance(node, ast.arg):
                own.add(node.arg)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names - own:
                yield node


Tree = Mapping[str, Module]
"""Modules by dotted name."""


def parse(sources: Mapping[str, str]) -> Tree:
    modules = [Module(path, text) for path, text in sorted(sources.items())]
    return {module.name: module for module in modules}


def read(project: Path) -> Tree:
    """Read every module below `tera/` of a checkout."""
    files = sorted((project / "tera").rglob("*.py"))
    return parse({file.relative_to(project).as_posix(): file.read_text("utf-8") for file in files})


def layer_of(name: str) -> str | None:
    parts = name.split(".")
    if name in ("tera", "tera.__main__"):
        return ROOT if name == "tera" else "cli"
    return parts[1] if any(parts[1] in side_by_side for side_by_side in ORDER) else None


def rank(layer: str) -> int:
    return next(at for at, side_by_side in enumerate(ORDER) if layer in side_by_side)


# --- what a module imports ----------------------------------------------------------------------


def imports(module: Module, tree: Tree) -> Iterator[Import]:
    """Yield everything that `module` imports, anywhere in it, by absolute name.

    `from tera.wire import canonical` is an import of the submodule, where there is one. A dynamic import
    whose name is computed counts as one of every module that its text can mean; target `?` where that
    cannot be told.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [module.anchor(node.level) if node.level else "", node.module]))
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(inner if inner in tree else base, node.lineno)
        elif isinstance(node, ast.Call) and _is_dynamic(node.func) and node.args:
            for target in _dynamic(node.args[0], module, tree):
                yield Import(target, node.lineno)


def _is_dynamic(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def _dynamic(name: ast.expr, module: Module, tree: Tree) -> list[str]:
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return [_absolute(name.value, module)]
    if isinstance(name, ast.JoinedStr) and isinstance(first := name.values[0], ast.Constant):
        prefix = _absolute(str(first.value), module)
        if prefix.startswith("tera."):
            return [other for other in tree if other.startswith(prefix) and other != module.name] or ["?"]
        if "." in prefix:
            return [prefix.rstrip(".")]
    texts = [node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    named = {_absolute(text, module) for text in texts if isinstance(text, str) and "." in text}
    return sorted(named & tree.keys()) or ["?"]


def _absolute(name: str, module: Module) -> str:
    level = len(name) - len(name.lstrip("."))
    if not level or level > module.name.count(".") + 1:
        return name
    return f"{module.anchor(level)}.{name[level:]}"


# --- the rules ------------------------------------------------------------------------------------


def layers(tree: Tree) -> Iterator[str]:
    """A module imports its own layer and lower ones."""
    for module in tree.values():
        if module.layer is None:
            yield f"{module.path}: is in no layer"
            continue
        for found in imports(module, tree):
            where = f"{module.path}:{found.line}"
            if found.target == "?":
                yield f"{where}: imports by a name that cannot be read from the source"
            elif found.target.split(".")[0] == "tera":
                other = layer_of(found.target)
                if found.target not in tree:
                    yield f"{where}: imports {found.target}, which does not exist"
                elif other is not None and other != module.layer and rank(other) >= rank(module.layer):
                    yield f"{where}: {module.layer or 'tera'} imports {found.target}, which is not below it"


def cycles(tree: Tree) -> Iterator[str]:
    """No module reaches itself, lazy imports and those of types included."""
    edges = {
        name: {found.target for found in imports(module, tree)} & tree.keys() - {name} for name, module in tree.items()
    }
    while ends := {name for name, targets in edges.items() if not targets}:
        edges = {name: targets - ends for name, targets in edges.items() if name not in ends}
    if edges:  # everyone left imports somebody left, so a walk comes back
        walk = [min(edges)]
        while (following := min(edges[walk[-1]])) not in walk:
            walk.append(following)
        yield f"import cycle: {' -> '.join([*walk[walk.index(following) :], following])}"


def doors(tree: Tree) -> Iterator[str]:
    """Each third-party package is imported by one module, or one package of modules, alone."""
    for module in tree.values():
        for found in imports(module, tree):
            package = found.target.split(".")[0]
            door = DOORS.get(package)
            if package in sys.stdlib_module_names or package in ("tera", "?"):
                continue
            if door is None:
                yield f"{module.path}:{found.line}: imports {package}, which has no door"
            elif not f"{module.name}.".startswith(f"{door}.") and not (door == "tera.cli" and module.layer == "cli"):
                yield f"{module.path}:{found.line}: imports {package}, whose door is {door}"


def purity(tree: Tree) -> Iterator[str]:
    """No file, clock, randomness, process or network in the core layers: they are arguments."""
    for module in tree.values():
        if module.layer not in CORE:
            continue
        for found in imports(module, tree):
            top = found.target.split(".")[0]
            if top in OUTSIDE and found.target != "urllib.parse" and RANDOMNESS.get(top) != module.name:
                yield f"{module.path}:{found.line}: the core imports {found.target}"
        for call in module.calls(frozenset({"open", "input"})):
            yield f"{module.path}:{call.lineno}: the core calls {ast.unparse(call.func)}()"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "sys":
                if node.attr not in PURE_SYS:
                    yield f"{module.path}:{node.lineno}: the core uses sys.{node.attr}"
            elif isinstance(node, ast.ImportFrom) and node.module == "sys":
                yield f"{module.path}:{node.lineno}: the core imports from sys: write sys.name in place"
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CLOCK:
                yield f"{module.path}:{node.lineno}: the core asks the clock, {ast.unparse(node.func)}()"


def silence(tree: Tree) -> Iterator[str]:
    """Below the command line and the service nothing prints or logs."""
    for module in tree.values():
        if module.layer in ("cli", "service"):
            continue
        for call in module.calls(frozenset({"print"})):
            yield f"{module.path}:{call.lineno}: prints"
        for found in imports(module, tree):
            if found.target.split(".")[0] == "logging":
                yield f"{module.path}:{found.line}: logs"


def size(tree: Tree) -> Iterator[str]:
    """A file over 400 lines is two."""
    for module in tree.values():
        if (lines := len(module.text.splitlines())) > MAX_LINES:
            yield f"{module.path}: {lines} lines, at most {MAX_LINES}"


def docstrings(tree: Tree) -> Iterator[str]:
    """Every module states its law at the top."""
    for module in tree.values():
        if not (ast.get_docstring(module.tree) or "").strip():
            yield f"{module.path}: has no docstring"


def names(tree: Tree) -> Iterator[str]:
    """No module or class is named after nothing."""
    for module in tree.values():
        named = [(0, part) for part in module.name.split(".")]
        named += [(n.lineno, n.name) for n in ast.walk(module.tree) if isinstance(n, ast.ClassDef)]
        for line, name in named:
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
            if hollow := EMPTY_NAMES.intersection(words):
                yield f"{module.path}:{line}: {name} is named {min(hollow)}, which says nothing"


RULES: tuple[Callable[[Tree], Iterator[str]], ...] = (
    layers,
    cycles,
    doors,
    purity,
    silence,
    size,
    docstrings,
    names,
)


def complaints(tree: Tree) -> list[str]:
    return [complaint for rule in RULES for complaint in rule(tree)]
