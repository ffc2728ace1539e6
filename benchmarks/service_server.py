"""What the service is compared with: the same process, server and stack, which does with bytes what it does, unsealed.

    python -m benchmarks.service_server DIR        prints its address; SIGTERM ends it

The law of this file: a body goes into a file through the service's own doors, in the same batches, thread and fsyncs;
a file comes back as the framework sends files, in pieces of 1 MiB, which is the fastest that it has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from fastapi import Request
from starlette.responses import FileResponse, Response

from tera.library.installation import Installation
from tera.library.master import find_master
from tera.service import logs
from tera.service.app import make_app
from tera.service.body import with_body
from tera.service.serve import Serving, serve

LONGEST = 1 << 40


class Pieces(FileResponse):
    chunk_size = 1 << 20


def main(folder: Path) -> None:
    library = Installation(folder).library(find_master(folder, make=True).key)
    app = make_app(library)

    @app.put("/plain/{name}")
    async def put(request: Request, name: str) -> Response:
        def work(body: Iterator[bytes]) -> None:
            output, at = library.store.create(f"plain/{name}"), 0
            for piece in body:
                output.write_at(at, piece)
                at += len(piece)
            output.commit()

        await with_body(request, work, longest=LONGEST)
        return Response(status_code=201)

    @app.get("/plain/{name}")
    async def get(name: str) -> Response:
        return Pieces(folder / "blobs" / "plain" / name)

    def ready(url: str, _: str | None) -> None:
        logs.configure()
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    serve(app, Serving(), ready=ready)
    library.catalog.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
