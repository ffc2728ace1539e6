"""tera push: seal files here and put the container into a library; or have the library seal them.

The law of this file: unless --server-side is given, nothing of a file leaves this machine unsealed: what the library
learns besides the container is what --name and --tag say.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.containers import mode_of
from tera.cli.failures import SKIPPED
from tera.cli.inputs import STDIN, once, read_file, stdin
from tera.cli.keys import Sealing, signing_keys
from tera.cli.options import FILE, config_option, json_option, quiet_option, sealing_options
from tera.cli.outputs import write, write_json
from tera.cli.progress import Progress
from tera.cli.sealing import MANIFEST, asked_for, check_names, with_password
from tera.cli.server import Server, server_options
from tera.cli.talk import say, tell
from tera.errors import BadDigest

if TYPE_CHECKING:
    from tera.client.stored import StoredContainer


@click.command(short_help="Seal files here, and put the container into a library.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FILE)
@server_options
@config_option
@sealing_options
@click.option(
    "--org-key",
    "org_keys",
    type=click.Choice(["open", "share"]),
    multiple=True,
    help="open: the library can open it too. share: nobody opens it without the library's share.",
)
@click.option("--manifest", metavar="FILE", type=FILE, help="A JSON text to seal with it; rules come from its `drm`.")
@click.option("--sign-key", "sign_keys", metavar="FILE", multiple=True, type=FILE, help="Sign with the keys in it.")
@click.option("--name", metavar="TEXT", help="What the library calls it; the library sees this.")
@click.option("--tag", "tags", metavar="TEXT", multiple=True, help="A tag in the library, which sees this too.")
@click.option("--sealed", "is_sealed", is_flag=True, help="PATH is a container already: send it as it is.")
@click.option("--server-side", is_flag=True, help="Let the library seal: it sees what is in the files.")
@click.option("--stdin-name", metavar="NAME", default="stdin", help="The name of what is read from standard input (-).")
@json_option
@quiet_option
def command(
    paths: tuple[str, ...],
    server: Server,
    asking: Asking,
    keys: Sealing,
    org_keys: tuple[str, ...],
    manifest: str | None,
    sign_keys: tuple[str, ...],
    name: str | None,
    tags: tuple[str, ...],
    is_sealed: bool,
    server_side: bool,
    stdin_name: str,
    as_json: bool,
    quiet: bool,
) -> None:
    """Put files, folders and standard input (-) into a library, sealed here, as one container.

    Whoever has the secret key of one of the recipients can open it, as with `tera encode`; --org-key lets the library
    open it, or decide who does. The container's id goes to standard output.
    """
    once([*paths, *keys.stdin, *sign_keys, manifest, server.token_file])
    sealing = {"a recipient": keys.given, "--org-key": org_keys, "--sign-key": sign_keys}
    job = _Job(paths, stdin_name, manifest, name, tags, quiet)
    if is_sealed and server_side:
        raise click.UsageError("--sealed and --server-side: one of them")
    if is_sealed:
        _refuse("--sealed", sealing | {"--manifest": manifest})
        stored = _send_sealed(server, asking, job)
    elif server_side:
        _refuse("--server-side", sealing | {"--name": name, "--tag": tags})
        stored = _have_sealed(server, asking, job)
    else:
        stored = _seal_and_send(server, asking, job, keys, org_keys, sign_keys)
    for path, reason in job.skipped:
        say("skipped", f"{path}: {reason}")
    if as_json:
        found = {"skipped": [{"path": path, "reason": reason} for path, reason in job.skipped]}
        write_json(described(stored) | found)
    else:
        write(show.safe(stored.id))
        if not quiet:
            tell(f"tera: pushed {stored.name} ({show.size(stored.size)}), {stored.digest}")
    if job.skipped:
        raise click.exceptions.Exit(SKIPPED)


def described(stored: StoredContainer) -> dict[str, Any]:
    """Return what is said of a container of a library in JSON."""
    return {
        "id": stored.id,
        "name": stored.name,
        "digest": stored.digest,
        "size": stored.size,
        "status": stored.status,
        "tags": list(stored.tags),
    }


@dataclass(frozen=True, slots=True)
class _Job:
    """What is pushed, and what was left out of it."""

    paths: tuple[str, ...]
    stdin_name: str
    manifest: str | None
    name: str | None
    tags: tuple[str, ...]
    quiet: bool
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sources(self) -> list[Any]:
        return [(self.stdin_name, stdin()) if path == STDIN else path for path in self.paths]

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append((path, reason))

    def progress(self, label: str, total: int | None = None) -> Progress:
        return Progress(label, quiet=self.quiet, total=total)


def _refuse(flag: str, given: dict[str, Any]) -> None:
    """Raise UsageError for what would be left out of account."""
    unused = [what for what, value in given.items() if value]
    if unused:
        where = ": the manifest names and tags" if flag == "--server-side" and "--" in unused[-1][:2] else ""
        raise click.UsageError(f"{flag} has no use for {', '.join(unused)}{where}")


def _send_sealed(server: Server, asking: Asking, job: _Job) -> StoredContainer:
    if len(job.paths) != 1 or job.paths[0] == STDIN:
        raise click.UsageError("--sealed: one container is sent, from a file")
    size = os.path.getsize(job.paths[0]) if stat.S_ISREG(mode_of(job.paths[0])) else None
    library = server.connect(asking)
    with job.progress("sending", size) as progress:
        return library.upload(job.paths[0], name=job.name, tags=job.tags, progress=progress.callback)


def _have_sealed(server: Server, asking: Asking, job: _Job) -> StoredContainer:
    check_names(job.paths, job.stdin_name)
    text = b"{}" if job.manifest is None else read_file(job.manifest, MANIFEST, "a manifest")
    library = server.connect(asking)
    with job.progress("sending") as progress:
        progress.measure(path for path in job.paths if path != STDIN)
        return library.encode(job.sources, text, on_skip=job.skip, progress=progress.callback)


def _seal_and_send(
    server: Server, asking: Asking, job: _Job, keys: Sealing, org_keys: Sequence[str], sign_keys: Sequence[str]
) -> StoredContainer:
    check_names(job.paths, job.stdin_name)
    asked = asked_for(job.manifest, sealed=False)
    if asked.dynamic:
        raise click.UsageError("--manifest: rules that can change are sealed with `tera encode`; then push --sealed")
    if "share" in org_keys and asked.rules is None:
        raise click.UsageError("--org-key share: there are no rules to decide on; a --manifest has them in `drm`")
    if not keys.given and "open" not in org_keys:
        raise click.UsageError("nobody to seal to: name a key with -r or -R, or --org-key open for the library's own")
    library = server.connect(asking)
    key = library.sealing_key() if org_keys else None
    recipients = keys.load() if keys.given else []
    if key is not None and "open" in org_keys and key.recipient is not None:
        recipients.append(key.recipient)
    from tera.codec.encoder import encode

    with tempfile.TemporaryFile() as sealed:
        with job.progress("sealing") as progress:
            progress.measure(path for path in job.paths if path != STDIN)
            made = encode(
                job.sources,
                sealed,
                recipients=with_password(recipients, asked.password),
                manifest=asked.text,
                rules=asked.rules,
                authorities=[key.authority] if key and key.authority and "share" in org_keys else [],
                signers=signing_keys(sign_keys),
                on_skip=job.skip,
                progress=progress.callback,
            )
        sealed.flush()
        with job.progress("sending", made.size) as progress:
            stored = library.upload(sealed, name=job.name, tags=job.tags, progress=progress.callback)
    if stored.digest != made.digest:
        raise BadDigest(f"the library has another container than was sent: {stored.digest}", hint="pull it and look")
    return stored
