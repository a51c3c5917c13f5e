# The seeds give no sample of this section. The SDKs call its ragStores file_search_stores.
from google import genai

client = genai.Client()
store = client.file_search_stores.create(config={"display_name": "My rag store"})
operation = client.file_search_stores.upload_to_file_search_store(
    file_search_store_name=store.name,
    file=media / "poem.txt",
    config={
        "display_name": "A poem",
        "mime_type": "text/plain",
        "custom_metadata": [{"key": "author", "string_value": "Blake"}],
        "chunking_config": {
            "white_space_config": {"max_tokens_per_chunk": 200, "max_overlap_tokens": 20}
        },
    },
)
while not operation.done:
    operation = client.operations.get(operation)
print(operation.response.document_name)

result = client.models.generate_content(
    model="gemini-2.5-flash",
    contents="What is the poem about?",
    config={"tools": [{"file_search": {"file_search_store_names": [store.name]}}]},
)
print(result.text)
