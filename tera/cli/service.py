"""tera serve: the library service, in one process.

The law of this file: it needs no configuration, and prints how to make the first key when there is none. The server is
imported here and by no other verb.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tera.cli.installed import Where, installed
from tera.cli.outputs import write
from tera.cli.talk import say, tell

if TYPE_CHECKING:
    from tera.library.library import Library
    from tera.service.geo import Locator

_UPLOAD = 1 << 40


@click.command(short_help="Serve a library over HTTP until SIGTERM.")
@installed
@click.option("--host", default="127.0.0.1", envvar="TERA_HOST", help="Elsewhere than the loopback: only with TLS.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8_420,
    show_default=True,
    envvar="TERA_PORT",
    help="0 takes a free one.",
)
@click.option("--tls-cert", metavar="FILE", envvar="TERA_TLS_CERT", help="The certificate chain, in PEM.")
@click.option("--tls-key", metavar="FILE", envvar="TERA_TLS_KEY", help="Its key, in PEM.")
@click.option(
    "--behind-proxy", metavar="NETWORK", multiple=True, envvar="TERA_BEHIND_PROXY", help="Whose X-Forwarded-For counts."
)
@click.option("--geo", metavar="FILE", envvar="TERA_GEO", help="Where addresses are: a database of MaxMind's format.")
@click.option("--max-upload", metavar="BYTES", type=click.IntRange(min=1), default=_UPLOAD, help="Default: 1 TiB.")
@click.option(
    "--metrics-port",
    metavar="PORT",
    type=click.IntRange(0, 65_535),
    envvar="TERA_METRICS_PORT",
    help="Answer /metrics there.",
)
@click.option(
    "--metrics-host", default="127.0.0.1", envvar="TERA_METRICS_HOST", help="At which address. Default: this machine."
)
@click.option(
    "--grace",
    metavar="SECONDS",
    type=click.IntRange(0, 3_600),
    default=30,
    help="To end what is under way. Default: 30.",
)
@click.option("--no-periodic", is_flag=True, help="Leave what is due to cron: `tera admin due`, every minute.")
def command(
    where: Where,
    host: str,
    port: int,
    tls_cert: str | None,
    tls_key: str | None,
    behind_proxy: tuple[str, ...],
    geo: str | None,
    max_upload: int,
    metrics_port: int | None,
    metrics_host: str,
    grace: int,
    no_periodic: bool,
) -> None:
    """Serve the library in DIR: with nothing else said, on this machine, over SQLite and a folder.

    The URL goes to standard output when it answers there; after that standard error is one JSON object a line.
    """
    from tera.errors import CatalogUnavailable
    from tera.service import logs
    from tera.service.app import make_app
    from tera.service.serve import Serving, serve

    where.make_master()
    serving = Serving(
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        proxies=behind_proxy,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        grace=grace,
        due=None if no_periodic else _due(where),
        master=where.master.key,
    )
    serving.check()
    locator = _locator(geo)
    library = where.installation.library(where.master.key)
    try:
        _prepare(library)
        app = make_app(library, proxies=behind_proxy, longest=max_upload, geo=locator)

        def ready(url: str, metrics: str | None) -> None:
            try:
                _greet(library, where, url)
            except CatalogUnavailable as error:  # it may come back, and /readyz says so until then
                say("warning", str(error))
            if metrics is not None:
                tell(f"tera: metrics at {metrics}")
            logs.configure()
            write(url)
            sys.stdout.flush()

        serve(app, serving, ready=ready)
    finally:
        library.catalog.close()


def _prepare(library: Library) -> None:
    """Bring a SQLite file's tables up to date; a server's are the operator's. Raises CatalogUnavailable."""
    if library.catalog.is_sqlite:
        from tera.catalog.tables import VERSION

        if library.catalog.version() != VERSION:  # what migrates stays in memory as long as the service runs
            from tera.catalog.migrate import migrate_after_copy

            copy = migrate_after_copy(library.catalog)
            if copy is not None:
                say("warning", f"the catalog was migrated; before that it was copied to {copy}")
        library.catalog.durability()
        return
    from tera.errors import CatalogUnavailable

    try:
        found = library.catalog.version()
    except CatalogUnavailable as error:
        say("warning", f"{error}: serving all the same, not ready until it does")
        return
    library.catalog.check_version()
    if found is not None and library.catalog.durability()["fsync"] != "on":
        say("warning", "the database's fsync is off: what is answered does not survive a power cut")


def _greet(library: Library, where: Where, url: str) -> None:
    from tera.library.operate import listed

    tell(f"tera: the library in {where.data} answers at {url}")
    if not listed(library):
        tell("tera: nobody can ask it anything yet; the first organisation and its key:")
        tell(f"tera:   tera admin init --data {where.data} --org NAME --email YOU@EXAMPLE.ORG")


def _locator(path: str | None) -> Locator:
    from tera.service.geo import NOWHERE, MaxMindFile

    return NOWHERE if path is None else MaxMindFile.open(path)


def _due(where: Where) -> list[str]:
    """Return the command that does what is due; the master key is none of its arguments."""
    return [sys.executable, "-m", "tera", "admin", "due", *where.again]
