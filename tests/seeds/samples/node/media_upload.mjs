// The seeds give no sample of this section. The SDKs call its ragStores fileSearchStores.
const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
const store = await ai.fileSearchStores.create({ config: { displayName: "My rag store" } });
let operation = await ai.fileSearchStores.uploadToFileSearchStore({
  fileSearchStoreName: store.name,
  file: path.join(media, "poem.txt"),
  config: {
    displayName: "A poem",
    mimeType: "text/plain",
    customMetadata: [{ key: "author", stringValue: "Blake" }],
    chunkingConfig: { whiteSpaceConfig: { maxTokensPerChunk: 200, maxOverlapTokens: 20 } },
  },
});
while (!operation.done) {
  operation = await ai.operations.get({ operation });
}
console.log(operation.response.documentName);

const result = await ai.models.generateContent({
  model: "gemini-2.5-flash",
  contents: "What is the poem about?",
  config: { tools: [{ fileSearch: { fileSearchStoreNames: [store.name] } }] },
});
console.log(result.text);
