"""What a client says about a file comes back, with and without each field."""

from __future__ import annotations

import secrets
from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from .drivers import SDKS
from .files import assert_same_everywhere

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .drivers import Driver, Sdk
    from .endpoints import Endpoint
    from .payloads import Payloads
    from .uploads import Uploads

SIZE = 1000  # bytes
DISPLAY_NAME = "Übersicht 2026, 測試 🙂"
ROUTES = [(sdk.name, source) for sdk in SDKS.values() for source in sdk.sources]
FIELDS = ("displayName", "mimeType", "name")
CHOICES = [choice for count in range(4) for choice in combinations(FIELDS, count)]


def chosen(fields: tuple[str, ...]) -> dict[str, str]:
    """Return values for the chosen fields; the name is new each time and short of 32 characters."""
    values = {
        "displayName": DISPLAY_NAME,
        "mimeType": "text/markdown",
        "name": f"report-{secrets.token_hex(6)}",
    }
    return {field: values[field] for field in fields}


def needs_type(sdk: Sdk, source: str, fields: tuple[str, ...]) -> bool:
    """Whether the SDK refuses this upload by itself, for want of a MIME type."""
    return bool(sdk.untyped_object) and source != "path" and "mimeType" not in fields


CASES = [(*route, fields) for route in ROUTES for fields in CHOICES]
SENT = [case for case in CASES if not needs_type(SDKS[case[0]], *case[1:])]
UNTYPED = [case for case in CASES if needs_type(SDKS[case[0]], *case[1:])]


def ids(cases: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[str]:
    """Return readable test ids."""
    return [f"{sdk}-{source}-{'+'.join(fields) or 'bare'}" for sdk, source, fields in cases]


@pytest.mark.parametrize(("sdk", "source", "fields"), SENT, indirect=["sdk"], ids=ids(SENT))
def test_what_was_said_comes_back(
    endpoint: Endpoint,
    payloads: Payloads,
    upload: Uploads,
    source: str,
    fields: tuple[str, ...],
) -> None:
    payload = payloads.of(SIZE)
    config = chosen(fields)

    file = upload(payload, source, **config)

    assert endpoint.received(file["name"]) == {"sha256": payload.sha256, "sizeBytes": SIZE}
    assert file["name"].startswith("files/")
    assert file["name"].endswith(config.get("name", ""))
    if "displayName" in fields:
        assert file["displayName"] == DISPLAY_NAME
    if "mimeType" in fields:
        assert file["mimeType"] == config["mimeType"]
    elif source == "path":
        assert file["mimeType"].partition(";")[0] == "text/plain"
    assert_same_everywhere(upload.driver, file)


@pytest.mark.parametrize(("sdk", "source", "fields"), UNTYPED, indirect=["sdk"], ids=ids(UNTYPED))
def test_an_open_file_without_a_type_is_refused_by_the_sdk(
    driver: Driver, payloads: Payloads, source: str, fields: tuple[str, ...]
) -> None:
    path = str(payloads.of(SIZE).path)

    answer = driver.refused("upload", source=source, path=path, **chosen(fields))

    assert driver.sdk.untyped_object in answer["message"]
    assert answer["code"] == 0, "the failure is the SDK's own, not an answer of the endpoint"


def test_a_chosen_name_is_found_under_its_full_name(
    driver: Driver, payloads: Payloads, upload: Uploads
) -> None:
    name = chosen(("name",))["name"]
    file = upload(payloads.of(SIZE), "path", mimeType="text/plain", name=f"files/{name}")

    bare = file["name"].removeprefix("files/")

    assert bare.endswith(name)
    assert driver.done("get", name=bare)["file"]["name"] == file["name"]
