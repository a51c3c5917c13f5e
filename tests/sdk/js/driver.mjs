// Drives the stock Google Gen AI SDK for JavaScript: a JSON command a line in, a JSON answer a line
// out. The gateway's address and key come from SDK_BASE_URL and SDK_API_KEY.
import {openAsBlob} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {createInterface} from 'node:readline';
import {GoogleGenAI} from '@google/genai';

const FIELDS = [
  'name', 'displayName', 'mimeType', 'sizeBytes', 'createTime', 'updateTime', 'expirationTime',
  'sha256Hash', 'uri', 'downloadUri', 'state', 'source', 'videoMetadata', 'error',
];

const client = new GoogleGenAI({
  apiKey: process.env.SDK_API_KEY,
  httpOptions: {baseUrl: process.env.SDK_BASE_URL},
});

function normalised(file) {
  const fields = {};
  for (const field of FIELDS) {
    if (file[field] !== undefined) fields[field] = file[field];
  }
  if (fields.sizeBytes !== undefined) fields.sizeBytes = String(fields.sizeBytes);
  return fields;
}

async function version() {
  const path = new URL('./node_modules/@google/genai/package.json', import.meta.url);
  return {sdk: '@google/genai', version: JSON.parse(await readFile(path, 'utf8')).version};
}

async function upload({source, path, displayName, mimeType, name}) {
  const config = {};
  if (displayName !== undefined) config.displayName = displayName;
  if (mimeType !== undefined) config.mimeType = mimeType;
  if (name !== undefined) config.name = name;
  const file = source === 'object' ? await openAsBlob(path) : path;
  return {file: normalised(await client.files.upload({file, config}))};
}

async function list({pageSize}) {
  const config = pageSize === undefined ? {} : {pageSize};
  const pager = await client.files.list({config});
  const pages = [pager.page];
  while (pager.hasNextPage()) pages.push(await pager.nextPage());
  return {
    pages: pages.map((page) => page.map((file) => file.name)),
    files: pages.flat().map(normalised),
  };
}

const operations = {
  version,
  upload,
  list,
  get: async ({name}) => ({file: normalised(await client.files.get({name}))}),
  delete: async ({name}) => {
    await client.files.delete({name});
    return {};
  },
};

// The SDK puts the whole error body, as JSON text, into an ApiError's message.
function failure(error) {
  const answer = {
    ok: false,
    code: typeof error.status === 'number' ? error.status : 0,
    status: '',
    message: error.message,
    type: error.name,
  };
  try {
    const body = JSON.parse(error.message).error;
    answer.message = body.message;
    answer.status = body.status ?? '';
  } catch {
    // Not a body: the message already says what went wrong.
  }
  return answer;
}

async function answer(command) {
  try {
    const operation = operations[command.op];
    if (operation === undefined) throw new Error(`unknown op ${command.op}`);
    return {ok: true, ...(await operation(command))};
  } catch (error) {
    return failure(error);
  }
}

for await (const line of createInterface({input: process.stdin})) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
