"""Files resources: what tenants get to see, as the OpenAPI of the File API describes it.

Most of it is upstream's and passes as it comes (wire 6, 7, 9), so every resource may have fields
that nobody knows yet. Nothing is parsed with these: they are read by `files_openapi` alone.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from filegate.wire import FileState

Int64 = Annotated[str, Field(pattern=r"^-?[0-9]{1,19}$", description="An int64, as proto3 JSON.")]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Message = dict[str, Any]


class Resource(BaseModel):
    """Base of all answers: camelCase, and what has no value is left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")


class Empty(Resource):
    """Nothing: `{}`."""


class FileResource(Resource):
    """A file (seeds: REST Resource: files)."""

    name: Annotated[str, Field(pattern="^files/")]
    display_name: str = ""
    mime_type: str = ""
    size_bytes: Int64 = ""
    create_time: Time = ""
    update_time: Time = ""
    expiration_time: Time = ""
    sha256_hash: str = ""
    uri: str = ""
    download_uri: str = ""
    state: FileState = FileState.UNSPECIFIED
    source: Literal["SOURCE_UNSPECIFIED", "UPLOADED", "GENERATED", "REGISTERED"] = (
        "SOURCE_UNSPECIFIED"
    )
    video_metadata: Message = {}
    error: Message = {}


class UploadedFile(Resource):
    """The answer to an upload and to `files.create`."""

    file: FileResource


class FilesPage(Resource):
    """A page of files."""

    files: list[FileResource] = []
    next_page_token: str = ""


class RegisteredFiles(Resource):
    """The files that were registered."""

    files: list[FileResource] = []


class BrowserToken(Resource):
    """A token for a page, and what it allows; what is absent is without limit."""

    token: str
    expire_time: Time
    scopes: list[str]
    byte_budget: int
    file_count: int = 0
    mime_types: list[str] = []
    origin: str = ""


class ModelResource(Resource):
    """A model."""

    name: Annotated[str, Field(pattern="^models/")]
    display_name: str = ""
    description: str = ""
    version: str = ""
    input_token_limit: int = 0
    output_token_limit: int = 0
    supported_generation_methods: list[str] = []


class ModelsPage(Resource):
    """A page of models."""

    models: list[ModelResource] = []
    next_page_token: str = ""


class GenerateContentResponse(Resource):
    """What a model says."""

    candidates: list[Message] = []
    prompt_feedback: Message = {}
    usage_metadata: Message = {}
    model_version: str = ""
    response_id: str = ""


class CountTokensResponse(Resource):
    """How many tokens a call would take."""

    total_tokens: int = 0
    cached_content_token_count: int = 0
    prompt_tokens_details: list[Message] = []


class EmbedContentResponse(Resource):
    """The embedding of one content."""

    embedding: Message = {}


class BatchEmbedContentsResponse(Resource):
    """The embeddings of several contents."""

    embeddings: list[Message] = []


class Operation(Resource):
    """A google.longrunning.Operation."""

    name: str
    metadata: Message = {}
    done: bool = False
    response: Message = {}
    error: Message = {}


class OperationsPage(Resource):
    """A page of batches, which are operations."""

    operations: list[Operation] = []
    next_page_token: str = ""


class CachedContent(Resource):
    """A cached content; what is cached is never shown."""

    name: Annotated[str, Field(pattern="^cachedContents/")]
    model: str = ""
    display_name: str = ""
    create_time: Time = ""
    update_time: Time = ""
    expire_time: Time = ""
    usage_metadata: Message = {}


class CachedContentsPage(Resource):
    """A page of cached contents."""

    cached_contents: list[CachedContent] = []
    next_page_token: str = ""


class FileSearchStore(Resource):
    """A File Search store."""

    name: Annotated[str, Field(pattern="^fileSearchStores/")]
    display_name: str = ""
    embedding_model: str = ""
    create_time: Time = ""
    update_time: Time = ""
    active_documents_count: Int64 = ""
    pending_documents_count: Int64 = ""
    failed_documents_count: Int64 = ""
    size_bytes: Int64 = ""


class FileSearchStoresPage(Resource):
    """A page of stores."""

    file_search_stores: list[FileSearchStore] = []
    next_page_token: str = ""


class Document(Resource):
    """A document of a store."""

    name: Annotated[str, Field(pattern="^fileSearchStores/[^/]+/documents/")]
    display_name: str = ""
    state: str = ""
    mime_type: str = ""
    size_bytes: Int64 = ""
    create_time: Time = ""
    update_time: Time = ""
    custom_metadata: list[Message] = []


class DocumentsPage(Resource):
    """A page of documents."""

    documents: list[Document] = []
    next_page_token: str = ""
