"""The reference "Using files", method by method, in each of its languages."""

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING

import pytest
from google.genai import errors, types
from tests.conformance.absence import leave_out

from .languages import missing

if TYPE_CHECKING:
    from google import genai

    from .endpoints import Endpoint
    from .media import Media
    from .outcomes import Outcome
    from .scripts import Scripts

FILES = 12
"""More than a page of the default size, 10."""


def upload(client: genai.Client, media: Media) -> types.File:
    """Upload the poem, for samples that presume a file."""
    return client.files.upload(file=media.poem)


def leave_file_info(scripts: Scripts, file: types.File) -> None:
    """Write the answer to an upload where the shell samples look for it."""
    fields = file.model_dump(mode="json", by_alias=True, exclude_none=True)
    (scripts.folder / "file_info.json").write_text(json.dumps({"file": fields}))


def assert_unusable(client: genai.Client, name: str) -> None:
    """Assert that a model is not shown the file, and that the refusal is upstream's own."""
    file_id = name.removeprefix("files/")
    uri = f"https://generativelanguage.googleapis.com/v1beta/{name}"
    contents = [types.Part.from_uri(file_uri=uri, mime_type="text/plain"), "Describe this file."]
    with pytest.raises(errors.ClientError) as refusal:
        client.models.generate_content(model="gemini-2.0-flash", contents=contents)
    assert (refusal.value.code, refusal.value.message) == (
        403,
        f"You do not have permission to access the File {file_id} or it may not exist.",
    )


def assert_document(endpoint: Endpoint, outcome: Outcome, media: Media) -> None:
    """Assert that the poem became a document of a store, and that a model was shown the store."""
    document_name, answer = outcome.output.splitlines()
    store = document_name.partition("/documents/")[0].removeprefix("fileSearchStores/")
    poem = media.poem.read_bytes()

    document = endpoint.document(document_name)
    assert document["displayName"] == "A poem"
    assert document["mimeType"].partition(";")[0] == "text/plain"
    assert document["sizeBytes"] == len(poem)
    assert document["sha256"] == hashlib.sha256(poem).hexdigest()
    assert len(outcome.names("document_stored")) == 1
    assert [(call["stores"], call["outcome"]) for call in outcome.model_calls] == [
        ([store], "complete")
    ]
    assert answer.startswith("I saw 0 files; ")


def test_media_upload(endpoint: Endpoint, scripts: Scripts, language: str, media: Media) -> None:
    assert_document(endpoint, scripts.run(language, "media_upload"), media)


@pytest.mark.parametrize("endpoint", ["filegate"], indirect=True, scope="session")
def test_media_upload_to_a_rag_store(endpoint: Endpoint, scripts: Scripts, media: Media) -> None:
    """The gateway takes the method's name in the seeds, which upstream has given up."""
    if reason := missing("shell"):
        leave_out(reason)

    outcome = scripts.run(
        "shell", "media_upload", ragStores="ragStores", uploadToRagStore="uploadToRagStore"
    )

    assert_document(endpoint, outcome, media)


def test_files_get(scripts: Scripts, language: str, client: genai.Client, media: Media) -> None:
    if language == "shell":
        file = upload(client, media)
        leave_file_info(scripts, file)
        outcome = scripts.run(language, "files_get")
        assert outcome.output == f'name="{file.name}"\nfile_uri="{file.uri}"\n'
        return

    outcome = scripts.run(language, "files_get")

    [name] = outcome.names("stored")
    first, _, printed = outcome.output.partition("\n")
    assert first == name
    assert name in printed
    assert f"https://generativelanguage.googleapis.com/v1beta/{name}" in printed


def test_files_get_as_it_stands(scripts: Scripts, client: genai.Client, media: Media) -> None:
    """The shell sample cannot work (see `AMENDMENTS`), with and without the gateway."""
    if reason := missing("shell"):
        leave_out(reason)
    leave_file_info(scripts, upload(client, media))

    outcome = scripts.run("shell", "files_get", amended=False)

    assert outcome.output == "name=null\nfile_uri=null\n"


def test_files_list(scripts: Scripts, language: str, client: genai.Client) -> None:
    config: types.UploadFileConfigDict = {"mime_type": "text/plain"}
    names = [
        client.files.upload(file=io.BytesIO(b"%d" % number), config=config).name or ""
        for number in range(FILES)
    ][::-1]

    output = scripts.run(language, "files_list").output

    first, _, rest = output.partition("\n")
    assert first.rstrip() == "My files:"
    if language == "shell":
        page = json.loads(rest)
        assert [file["name"] for file in page["files"]] == names[:10]
        assert page["nextPageToken"]
    else:
        listed = rest.split()
        assert listed == (names[:10] if language == "go" else names)


def test_files_delete(scripts: Scripts, language: str, client: genai.Client, media: Media) -> None:
    if language == "shell":
        name = upload(client, media).name or ""
        outcome = scripts.run(language, "files_delete", name=name.removeprefix("files/"))
        assert json.loads(outcome.output) == {}
        assert outcome.names("deleted") == [name]
        assert_unusable(client, name)
        return

    outcome = scripts.run(language, "files_delete")

    assert outcome.output == ""
    [name] = outcome.names("stored")
    assert outcome.names("deleted") == [name]
    assert all(call["outcome"] == "failed" for call in outcome.model_calls)
    assert_unusable(client, name)
