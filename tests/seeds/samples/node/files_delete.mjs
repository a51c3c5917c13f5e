// The Gen AI SDK for TypeScript and JavaScript is in preview.
// Some features have not been implemented.

// That is all the seeds have here. By now the SDK can; this is their Python sample in JavaScript.
const ai = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
const myfile = await ai.files.upload({
  file: path.join(media, "poem.txt"),
});

await ai.files.delete({ name: myfile.name });

try {
  const result = await ai.models.generateContent({
    model: "gemini-2.0-flash",
    contents: [
      { fileData: { fileUri: myfile.uri, mimeType: myfile.mimeType } },
      "Describe this file.",
    ],
  });
  console.log(result);
} catch (error) {
  if (error.name !== "ApiError") throw error;
}
