"""Runs the targets: all of them for a while, one with libFuzzer's own options, or the corpus alone.

    python -m fuzz.run [--seconds N] [--seed N] [--only NAME,...]   targets; each gets its share of the time
    python -m fuzz.run NAME [OPTION...]     one target, for example -max_total_time=600, or files to run again
    python -m fuzz.run --replay [NAME...]   the corpus through the targets; needs no fuzzer

The law of this file: it fails on a finding, names the command that repeats it, and fails when there is no target or no
corpus. Every run says its seed; with the same seed, and the same files in fuzz/corpus and fuzz/out/NAME/new, a target
tries the same inputs in the same order. A finding and the log stay in fuzz/out/NAME/; what is interesting is kept in
fuzz/out/NAME/new and used again.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
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


def run(name: str, seconds: int, seed: int) -> str | None:
    """Fuzz one target in a process of its own; return what its log says if there is a finding."""
    log = HERE / "out" / name / "log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "fuzz.run", name, f"-max_total_time={seconds}", f"-seed={seed}"]
    with log.open("wb") as file:
        try:
            status = subprocess.run(  # noqa: PLW1510
                [*command, "-print_final_stats=1"],
                cwd=HERE.parent,
                env={**os.environ, "PYTHONHASHSEED": "0"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                timeout=seconds + STARTUP,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
    text = re.sub("^INFO: Instrumenting .*\n", "", log.read_text(errors="replace"), flags=re.MULTILINE)
    count = re.search(r"number_of_executed_units: *(\d+)", text)
    print(
        f"fuzz {name}: {count[1] if count else 'no'} inputs in {seconds} s{', A FINDING' if status else ''}", flush=True
    )
    if not status:
        return None
    again = again_with(name, seed, text)
    return f"--- fuzz {name}, exit status {status}; kept in fuzz/out/{name}/\n{text}\n--- again: {again}"


def again_with(name: str, seed: int, log: str) -> str:
    """Return the command that repeats a finding: its input if there is one, else the exploration."""
    found = re.findall(r"Test unit written to (\S+)", log)
    if found:
        return f"python -m fuzz.run {name} {os.path.relpath(found[-1], HERE.parent)}"
    return f"PYTHONHASHSEED=0 python -m fuzz.run {name} -seed={seed}"


def run_all(names: Sequence[str], seconds: int, seed: int) -> None:
    """Fuzz targets, as many at once as there are processors; all get the same time, at least 1 s."""
    jobs = len(os.sched_getaffinity(0))
    share = max(1, round(seconds * jobs / len(names)))
    print(f"fuzz: {len(names)} targets, {share} s each, seed {seed} (again: --seconds {seconds} --seed {seed})")
    with ThreadPoolExecutor(jobs) as pool:
        findings = [found for found in pool.map(lambda name: run(name, share, seed), names) if found]
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
    if arguments[:1] == ["--replay"]:
        replay(arguments[1:])
    elif arguments and arguments[0] in targets():
        fuzz(arguments[0], arguments[1:])
    else:
        parser = argparse.ArgumentParser(prog="python -m fuzz.run", epilog=f"targets: {', '.join(targets())}")
        parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
        parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31) + 1, help="of the exploration")
        parser.add_argument("--only", type=lambda text: text.split(","), default=targets(), metavar="NAME,...")
        asked = parser.parse_args(arguments)
        unknown = set(asked.only) - set(targets())
        if unknown:
            parser.error(f"no target {min(unknown)}")
        run_all(asked.only, asked.seconds, asked.seed)


if __name__ == "__main__":
    main(sys.argv[1:])
