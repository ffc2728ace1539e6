"""The published example of a client works as it is printed, and so does the same call from a browser's language."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tera.client import Library
from tests.cli.runs import environment
from tests.client.libraries import served
from tests.service.houses import House

PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared" / "seeds" / "000_a4978e7c8b7b944b.txt"

# As it is printed, with the indentation that the page has lost.
EXAMPLE = """\
import os
import json
import mimetypes
import requests

API_URL = 'https://api.locktera.com'
ORG_ID = 'your-org-id'
headers = {'Authorization': 'Bearer your-access-token'}

def encode_manifest(manifest_path):
    # Read the manifest
    with open(manifest_path) as file:
        manifest = json.load(file)

    manifest_dir = os.path.dirname(manifest_path)
    encode_url = f'{API_URL}/orgs/{ORG_ID}/containers/encode'
    files = []

    # Add the manifest to the request
    files.append(('manifest', ('manifest', json.dumps(manifest), 'application/json')))

    # Add each file to the request
    for file_name in manifest['files']:
        type_, _ = mimetypes.guess_type(file_name)
        files.append(('files', (file_name, open(f'{manifest_dir}/{file_name}', 'rb'), type_)))

    # Send the request and print the response
    print('Encoding...')
    rsp = requests.post(encode_url, headers=headers, files=files)
    encoded_manifest = rsp.json()
    print(encoded_manifest['org_id'], encoded_manifest['container']['uuid'])

# Example usage
encode_manifest('/path/to/manifest.json')
"""

# The same call, as TypeScript that is JavaScript too: a Blob without a name arrives as the file `blob`.
SCRIPT = """\
import { readFile } from 'node:fs/promises';

const API_URL = 'https://api.locktera.com';
const ORG_ID = 'your-org-id';
const headers = { Authorization: 'Bearer your-access-token' };

async function encodeManifest(manifestPath) {
  const manifest = JSON.parse(await readFile(manifestPath, 'utf-8'));
  const manifestDir = manifestPath.slice(0, manifestPath.lastIndexOf('/'));
  const form = new FormData();
  form.append('manifest', new Blob([JSON.stringify(manifest)], { type: 'application/json' }));
  for (const fileName of manifest.files) {
    form.append('files', new Blob([await readFile(`${manifestDir}/${fileName}`)]), fileName);
  }
  console.log('Encoding...');
  const rsp = await fetch(`${API_URL}/orgs/${ORG_ID}/containers/encode`, { method: 'POST', headers, body: form });
  const encoded = await rsp.json();
  console.log(encoded.org_id, encoded.container.uuid);
}

await encodeManifest('/path/to/manifest.json');
"""

FILES = {"report.txt": b"quarterly\n", "noise.bin": random.Random(4).randbytes(1_500_000), "blätter.pdf": b"%PDF-1.7"}


@pytest.fixture
def url(house: House) -> Iterator[str]:
    with served(house.app) as found:
        yield found


def written(folder: Path) -> Path:
    """Write the files and their manifest, whose drm is the published one's."""
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    manifest = {
        "container_name": "Q3",
        "tags": ["confidential", "finance"],
        "drm": {"opens": 5, "recipients": ["ann@example.org"]},
        "files": list(FILES),
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps(manifest))
    return path


def filled_in(text: str, url: str, house: House, manifest: Path) -> str:
    """Return an example with the four things that are its reader's to fill in."""
    for printed, ours in (
        ("https://api.locktera.com", url),
        ("your-org-id", house.org.id),
        ("your-access-token", house.ann),
        ("/path/to/manifest.json", str(manifest)),
    ):
        assert text.count(printed) == 1
        text = text.replace(printed, ours)
    return text


def ran(command: list[str], house: House, url: str) -> None:
    """Run an example, and see that what it encoded is what it was given."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split()
    assert lines[:2] == ["Encoding...", house.org.id]
    mine = Library(url, house.ann)
    [stored] = mine.containers()
    assert (stored.id, stored.name, stored.tags) == (lines[2], "Q3", ("confidential", "finance"))
    assert stored.rules == {"opens": 5, "recipients": ["ann@example.org"]}
    listed = mine.listing(stored)
    assert {one["name"]: one["size"] for one in listed["files"]} == {name: len(data) for name, data in FILES.items()}
    for name, content in FILES.items():
        assert house.get(f"/containers/{stored.id}/decode/{name}").content == content


def test_the_example_is_the_published_one() -> None:
    if not PUBLISHED.exists():
        pytest.skip("no published page: shared/seeds is not beside the checkout")
    printed = [line.strip() for line in PUBLISHED.read_text("utf-8").splitlines() if line.strip()]
    lines = [line.strip() for line in EXAMPLE.splitlines() if line.strip()]
    start = printed.index(lines[0])
    assert printed[start : start + len(lines)] == lines


def test_the_published_example_works_as_it_is_printed(house: House, url: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(filled_in(EXAMPLE, url, house, written(tmp_path)))
    ran([sys.executable, "-W", "ignore", str(script)], house, url)
    types = {one["name"]: one["type"] for one in house.get(f"/containers/{stored_id(house)}/decode").json()["files"]}
    assert (types["report.txt"], types["blätter.pdf"]) == ("text/plain", "application/pdf")


def stored_id(house: House) -> str:
    [stored] = house.get("/containers").json()
    return str(stored["id"])


def test_the_same_call_works_from_typescript(house: House, url: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    script = tmp_path / "example.mjs"
    script.write_text(filled_in(SCRIPT, url, house, written(tmp_path)))
    ran([node, str(script)], house, url)
