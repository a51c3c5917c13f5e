# The seeds give no sample of this section. These are the steps of Google's curl samples for files;
# ragStores=ragStores uploadToRagStore=uploadToRagStore spells the upload as the seeds do.
ragStores=${ragStores:-fileSearchStores}
uploadToRagStore=${uploadToRagStore:-uploadToFileSearchStore}

store=$(curl -s "https://generativelanguage.googleapis.com/v1beta/fileSearchStores?key=$GEMINI_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"displayName": "My rag store"}' | jq -r ".name")

num_bytes=$(wc -c < "$SEEDS_MEDIA/poem.txt" | tr -d " ")
curl -s -D upload-header.tmp -o /dev/null \
  "https://generativelanguage.googleapis.com/upload/v1beta/$ragStores/${store#fileSearchStores/}:$uploadToRagStore?key=$GEMINI_API_KEY" \
  -H "X-Goog-Upload-Protocol: resumable" \
  -H "X-Goog-Upload-Command: start" \
  -H "X-Goog-Upload-Header-Content-Length: $num_bytes" \
  -H "X-Goog-Upload-Header-Content-Type: text/plain" \
  -H "Content-Type: application/json" \
  -d '{
    "displayName": "A poem",
    "mimeType": "text/plain",
    "customMetadata": [{"key": "author", "stringValue": "Blake"}],
    "chunkingConfig": {"whiteSpaceConfig": {"maxTokensPerChunk": 200, "maxOverlapTokens": 20}}
  }'
upload_url=$(grep -i "x-goog-upload-url: " upload-header.tmp | cut -d" " -f2 | tr -d "\r")

operation=$(curl -s "$upload_url" \
  -H "X-Goog-Upload-Offset: 0" \
  -H "X-Goog-Upload-Command: upload, finalize" \
  --data-binary "@$SEEDS_MEDIA/poem.txt" | jq -r ".name")
echo "{}" > operation.json
until jq -e ".done" operation.json > /dev/null; do
  curl -s --fail "https://generativelanguage.googleapis.com/v1beta/$operation?key=$GEMINI_API_KEY" > operation.json
done
jq -r ".response.documentName" operation.json

curl -s "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent?key=$GEMINI_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "contents": [{"parts": [{"text": "What is the poem about?"}]}],
    "tools": [{"fileSearch": {"fileSearchStoreNames": ["'"$store"'"]}}]
  }' | jq -r ".candidates[0].content.parts[0].text"
