"""The guide's page and backend, as they stand there: the stock web SDK in Chromium, 20 MB."""

import contextlib
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import chromium
from filegate_local.children import free_port
from local_stack import LocalStack, StackTenant

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "browser-upload.md").read_text()
CDN = "https://esm.sh/@google/genai@2/web"
MB = 1_000_000
CHUNK = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the guide's programs, and the SDK where no CDN is to be reached."""
    folder = tmp_path_factory.mktemp("site")
    [backend] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    [page] = re.findall(r"```html\n(.*?)```", GUIDE, re.DOTALL)
    assert page.count(CDN) == 1
    (folder / "backend.py").write_text(backend)
    (folder / "index.html").write_text(page.replace(CDN, "/genai.mjs"))
    chromium.bundle_sdk(folder / "genai.mjs")
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of 20 MB that call themselves videos."""
    folder = tmp_path_factory.mktemp("videos")
    paths = [folder / "talk.mp4", folder / "walk.mp4"]
    for path in paths:
        path.write_bytes(os.urandom(20 * MB))
    return paths


@contextlib.contextmanager
def served(site: Path, tenant: StackTenant, origin_of_token: str | None = None) -> Iterator[str]:
    """Run the guide's backend on a port of its own; answers the origin of its page."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "FILEGATE_URL": tenant.base_url,
        "FILEGATE_KEY": tenant.key,
        "PAGE_ORIGIN": origin_of_token or origin,
        "PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "backend.py"],
        cwd=site,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(origin, timeout=5).raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield origin
    finally:
        process.terminate()
        process.wait(10)


def test_a_page_uploads_and_shows_how_far_it_is_until_its_budget_is_spent(
    stack: LocalStack, site: Path, videos: list[Path], tmp_path: Path
) -> None:
    tenant = stack.tenant()
    pictures = Path(os.environ.get("FILEGATE_SCREENSHOTS", tmp_path)) / "upload"

    with served(site, tenant) as origin:
        [[first, second]] = chromium.visit(
            [{"url": origin, "files": list(map(str, videos)), "screenshots": str(pictures)}]
        )

    # The first: from another origin, a preflight before each kind of request, three chunks.
    [stored] = stack.upstream_files().values()
    assert first["status"] == f"Done: {stored['name']} is PROCESSING."
    assert stored["sha256"] == hashlib.sha256(videos[0].read_bytes()).hexdigest()
    assert [round(part * 20 * MB) for part in first["progress"]] == [0, CHUNK, 2 * CHUNK, 20 * MB]
    methods = [(method, status) for method, url, status in first["requests"]]
    assert methods.count(("POST", 200)) == 1 + 3
    assert methods.count(("GET", 200)) == 1
    assert {url.startswith(tenant.base_url) for _, url, _ in first["requests"]} == {True}
    assert not tenant.base_url.startswith(origin)

    # The second does not fit into what is left of 25 MB, and not a byte of it is sent.
    assert second["status"] == (
        "Browser token used up: this upload needs 20,000,000 bytes, and 5,000,000 of 25,000,000 "
        "bytes and 2 uploads are left. Get a new token from the backend that makes them."
    )
    assert second["progress"] == [0]
    assert [status for method, _, status in second["requests"] if method == "POST"] == [429]
    assert stack.available(tenant) == 20 * 1024**3 - 20 * MB
    assert list(pictures.parent.glob("upload-0-*.png"))


def test_a_token_is_refused_on_another_page(
    stack: LocalStack, site: Path, videos: list[Path]
) -> None:
    tenant = stack.tenant()
    before = set(stack.upstream_files())

    with (
        served(site, tenant) as origin,
        served(site, tenant, origin_of_token=origin) as elsewhere,
    ):
        [[outcome]] = chromium.visit([{"url": elsewhere, "files": [str(videos[0])]}])

    assert outcome["status"].startswith(f"A page of '{elsewhere}' may not use this API key.")
    assert [status for method, _, status in outcome["requests"] if method == "POST"] == [403]
    assert set(stack.upstream_files()) == before
    assert stack.records(tenant) == []


def test_a_page_can_read_why_its_token_is_refused(
    stack: LocalStack, site: Path, tmp_path: Path
) -> None:
    tenant = stack.tenant()
    notes = tmp_path / "notes.txt"
    notes.write_text("no video")

    with served(site, tenant) as origin:
        [[outcome]] = chromium.visit([{"url": origin, "files": [str(notes)]}])

    assert outcome["status"] == (
        "The file's MIME type is 'text/plain', and this browser token is for video/* only."
    )
