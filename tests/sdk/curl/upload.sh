#!/usr/bin/env bash
# One file's life with curl, in the steps of the public Gemini API samples: start, upload and
# finalize, get, list, delete.
#
#   BASE_URL=… GEMINI_API_KEY=… upload.sh FILE MIME_TYPE DISPLAY_NAME header|query
#
# The key goes into the header or, as older samples do, into the URL. Every answer is left in the
# current folder: file_info.json, get.json, list.json, delete.json, and gone.json with its HTTP
# status in gone.status.
set -euo pipefail

FILE=$1
MIME_TYPE=$2
DISPLAY_NAME=$3
KEY_IN=$4
NUM_BYTES=$(wc -c < "${FILE}" | tr -d ' ')

auth=()
query=""
if [ "${KEY_IN}" = header ]; then
  auth=(-H "x-goog-api-key: ${GEMINI_API_KEY}")
else
  query="?key=${GEMINI_API_KEY}"
fi

# Announce the file. The upload URL is in the response headers: dump them.
# The body is not quite JSON, and that is how the samples have it.
curl -sS --fail-with-body "${BASE_URL}/upload/v1beta/files${query}" \
  -D upload-header.tmp \
  ${auth[@]+"${auth[@]}"} \
  -H "X-Goog-Upload-Protocol: resumable" \
  -H "X-Goog-Upload-Command: start" \
  -H "X-Goog-Upload-Header-Content-Length: ${NUM_BYTES}" \
  -H "X-Goog-Upload-Header-Content-Type: ${MIME_TYPE}" \
  -H "Content-Type: application/json" \
  -d "{'file': {'display_name': '${DISPLAY_NAME}'}}" > start.json

upload_url=$(grep -i "x-goog-upload-url: " upload-header.tmp | cut -d" " -f2 | tr -d "\r")

# Send all bytes at once. No key: the URL is the permission.
curl -sS --fail-with-body "${upload_url}" \
  -H "Content-Length: ${NUM_BYTES}" \
  -H "X-Goog-Upload-Offset: 0" \
  -H "X-Goog-Upload-Command: upload, finalize" \
  --data-binary "@${FILE}" > file_info.json

name=$(jq -r ".file.name" file_info.json)

curl -sS --fail-with-body ${auth[@]+"${auth[@]}"} "${BASE_URL}/v1beta/${name}${query}" > get.json
curl -sS --fail-with-body ${auth[@]+"${auth[@]}"} "${BASE_URL}/v1beta/files${query}" > list.json
curl -sS --fail-with-body ${auth[@]+"${auth[@]}"} --request "DELETE" \
  "${BASE_URL}/v1beta/${name}${query}" > delete.json

# Gone is gone.
curl -sS ${auth[@]+"${auth[@]}"} -o gone.json -w '%{http_code}' \
  "${BASE_URL}/v1beta/${name}${query}" > gone.status
