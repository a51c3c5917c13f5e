// The seeds give no sample of this section. The SDKs call its ragStores FileSearchStores.
ctx := context.Background()
client, err := genai.NewClient(ctx, &genai.ClientConfig{
	APIKey:  os.Getenv("GEMINI_API_KEY"),
	Backend: genai.BackendGeminiAPI,
})
if err != nil {
	log.Fatal(err)
}
store, err := client.FileSearchStores.Create(ctx, &genai.CreateFileSearchStoreConfig{
	DisplayName: "My rag store",
})
if err != nil {
	log.Fatal(err)
}
operation, err := client.FileSearchStores.UploadToFileSearchStoreFromPath(
	ctx,
	filepath.Join(getMedia(), "poem.txt"),
	store.Name,
	&genai.UploadToFileSearchStoreConfig{
		DisplayName: "A poem",
		MIMEType:    "text/plain",
		CustomMetadata: []*genai.CustomMetadata{
			{Key: "author", StringValue: "Blake"},
		},
		ChunkingConfig: &genai.ChunkingConfig{
			WhiteSpaceConfig: &genai.WhiteSpaceConfig{
				MaxTokensPerChunk: genai.Ptr[int32](200),
				MaxOverlapTokens:  genai.Ptr[int32](20),
			},
		},
	},
)
if err != nil {
	log.Fatal(err)
}
for !operation.Done {
	operation, err = client.Operations.GetUploadToFileSearchStoreOperation(ctx, operation, nil)
	if err != nil {
		log.Fatal(err)
	}
}
fmt.Println(operation.Response.DocumentName)
result, err := client.Models.GenerateContent(
	ctx,
	"gemini-2.5-flash",
	genai.Text("What is the poem about?"),
	&genai.GenerateContentConfig{
		Tools: []*genai.Tool{
			{FileSearch: &genai.FileSearch{FileSearchStoreNames: []string{store.Name}}},
		},
	},
)
if err != nil {
	log.Fatal(err)
}
fmt.Println(result.Text())
