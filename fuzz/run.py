"""Runs the targets: all of them for a while, one with libFuzzer's own options, or the corpus alone.

    python -m fuzz.run [--seconds N]        every target; the time is shared out, each gets at least 1 s
    python -m fuzz.run NAME [OPTION...]     one target, for example -max_total_time=600, or files to run again
    python -m fuzz.run --replay [NAME...]   the corpus through the targets; needs no fuzzer

The law of this file: it fails on a finding, and when there is no target or no corpus. A finding and the log
stay in fuzz/out/NAME/; what is interesting is kept in fuzz/out/NAME/new and used again.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
STARTUP = 120
"""Seconds beyond its time after which a target that does not end is a finding."""


def targets() -> list[str]:
    """Return the names of all targets. Exits when there are none."""
    found = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))
    return found or sys.exit("fuzz: no fuzz/fuzz_*.py was found")


def load(name: str) -> Callable[[bytes], None]:
    """Return a target's function."""
    one_input: Callable[[bytes], None] = import_module(f"fuzz.fuzz_{name}").one_input
    return one_input


def fuzz(name: str, options: Sequence[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["tera"]):
        one_input = load(name)
    out, seeds = HERE / "out" / name, HERE / "corpus" / name
    new = out / "new"
    new.mkdir(parents=True, exist_ok=True)
    defaults = [f"-artifact_prefix={out}/", "-timeout=30", "-rss_limit_mb=2048"]
    named = [option for option in options if not option.startswith("-")]
    folders = [] if named else [str(new), *([str(seeds)] if seeds.is_dir() else [])]
    atheris.Setup([f"fuzz_{name}", *defaults, *options, *folders], one_input)
    atheris.Fuzz()


def run(name: str, seconds: int) -> str | None:
    """Fuzz one target in a process of its own; return what its log says if there is a finding."""
    log = HERE / "out" / name / "log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzz.run", name, f"-max_total_time={seconds}", "-print_final_stats=1"]
    with log.open("wb") as file:
        try:
            status = subprocess.run(  # noqa: PLW1510
                command, cwd=HERE.parent, stdout=file, stderr=file, timeout=seconds + STARTUP
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    text = log.read_text(errors="replace")
    count = re.search(r"number_of_executed_units: *(\d+)", text)
    print(
        f"fuzz {name}: {count[1] if count else 'no'} inputs in {seconds} s{', A FINDING' if status else ''}", flush=True
    )
    return f"--- fuzz {name}, exit status {status}; kept in fuzz/out/{name}/\n{text}" if status else None


def run_all(seconds: int) -> None:
    """Fuzz every target, as many at once as there are processors."""
    names, jobs = targets(), len(os.sched_getaffinity(0))
    share = max(1, seconds * jobs // len(names))
    with ThreadPoolExecutor(jobs) as pool:
        findings = [found for found in pool.map(lambda name: run(name, share), names) if found]
    sys.exit("\n".join(findings) or 0)


def replay(names: Sequence[str]) -> None:
    """Run the corpus; a failing input's name follows its traceback."""
    for name in names or targets():
        one_input = load(name)
        files = sorted(path for path in (HERE / "corpus" / name).glob("*") if path.is_file())
        if not files:
            sys.exit(f"fuzz {name}: there is no fuzz/corpus/{name}; python -m fuzz.make_corpus makes it")
        for path in files:
            try:
                one_input(path.read_bytes())
            except BaseException as error:
                error.add_note(f"fuzz {name}: {path.relative_to(HERE.parent)}")
                raise
        print(f"fuzz {name}: {len(files)} inputs again")


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case []:
            run_all(60)
        case ["--seconds", seconds]:
            run_all(int(seconds))
        case ["--replay", *names]:
            replay(names)
        case [name, *options] if name in targets():
            fuzz(name, options)
        case _:
            sys.exit(f"usage: python -m fuzz.run [--seconds N | --replay [NAME...] | NAME [OPTION...]]: {targets()}")


if __name__ == "__main__":
    main(sys.argv[1:])
