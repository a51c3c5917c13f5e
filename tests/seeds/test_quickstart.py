"""The File API quickstart, section by section, as it stands."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from .media import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from .endpoints import Endpoint
    from .media import Media
    from .notebooks import Notebook
    from .outcomes import Outcome

MODEL = "gemini-3-flash-preview"


def sample_file(notebook: Notebook) -> str:
    """Return the name of the picture that the quickstart uploads first."""
    [name] = notebook["upload_file"].names("stored")
    return name


def saw(outcome: Outcome) -> list[list[str]]:
    """Return the names of the files in each model call, all of which have to have succeeded."""
    assert [call["outcome"] for call in outcome.model_calls] == ["complete"] * len(
        outcome.model_calls
    )
    assert {call["model"] for call in outcome.model_calls} <= {MODEL}
    return [[f"files/{file_id}" for file_id in call["files"]] for call in outcome.model_calls]


def sha256(path: Path) -> str:
    """Return the hash of a file on this machine."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_install_dependencies(notebook: Notebook) -> None:
    """The SDK of this environment satisfies the quickstart."""
    assert notebook["install_dependencies"].output == ""


def test_set_up_your_api_key(notebook: Notebook) -> None:
    assert notebook["set_up_your_api_key"].output == ""


def test_upload_file(notebook: Notebook, media: Media) -> None:
    name = sample_file(notebook)

    assert notebook["upload_file"].output == (
        f"<image.jpg: {media.jetpack.stat().st_size} bytes>\n"
        f"Uploaded file '{name}' as: https://generativelanguage.googleapis.com/v1beta/{name}\n"
    )
    [stored] = notebook["upload_file"].events
    assert stored["sizeBytes"] == media.jetpack.stat().st_size


def test_get_file(notebook: Notebook) -> None:
    name = sample_file(notebook)

    assert notebook["get_file"].output == (
        f"Retrieved file '{name}' as: https://generativelanguage.googleapis.com/v1beta/{name}\n"
    )


def test_generate_content(notebook: Notebook) -> None:
    name = sample_file(notebook)
    outcome = notebook["generate_content"]

    assert saw(outcome) == [[name]]
    assert f"I saw 1 file: {name} (image/jpeg)" in outcome.output


def test_multiple_files(endpoint: Endpoint, notebook: Notebook, media: Media) -> None:
    """200 small source files are uploaded under their paths, and what is left out is not."""
    outcome = notebook["multiple_files"]
    files = endpoint.files()

    assert outcome.output.startswith("." * SOURCES + "GenerateContentResponse(")
    assert {
        (files[name]["displayName"], files[name]["mimeType"], files[name]["sha256"])
        for name in outcome.names("stored")
    } == {
        (str(path.relative_to(media.downloads)), "text/x-python", sha256(path))
        for path in media.code_base.rglob("*.py")
        if "test" not in str(path.relative_to(media.downloads))
    }


def test_one_generate_content_over_200_files(notebook: Notebook) -> None:
    """The model is shown exactly these 200 files, in their order."""
    outcome = notebook["multiple_files"]
    names = outcome.names("stored")

    assert len(set(names)) == SOURCES == 200
    assert saw(outcome) == [names]
    assert "I saw 200 files: " in outcome.output


def test_use_files_from_google_cloud_storage(notebook: Notebook) -> None:
    outcome = notebook["use_files_from_google_cloud_storage"]
    [name] = outcome.names("registered_stored")

    assert saw(outcome) == [[name]]
    assert f"I saw 1 file: {name} (application/pdf)" in outcome.output


def test_delete_files(notebook: Notebook) -> None:
    name = sample_file(notebook)
    outcome = notebook["delete_files"]

    assert outcome.output == f"Deleted {name}.\n"
    assert outcome.names("deleted") == [name]


def test_supported_text_types(endpoint: Endpoint, notebook: Notebook, media: Media) -> None:
    outcome = notebook["supported_text_types"]
    [name] = outcome.names("stored")

    held = endpoint.files()[name]
    assert (held["displayName"], held["mimeType"]) == ("CONTRIBUTING.md", "text/markdown")
    assert held["sha256"] == sha256(media.guidelines)
    assert saw(outcome) == [[name]]
    assert re.search(rf"^I saw 1 file: {name} \(text/markdown\)", outcome.output)
