// Command go-driver drives the stock Google Gen AI SDK for Go: a JSON command a line in, a JSON
// answer a line out. The gateway's address and key come from SDK_BASE_URL and SDK_API_KEY.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"

	"google.golang.org/genai"
)

const sdk = "google.golang.org/genai"

type command struct {
	Op          string `json:"op"`
	Source      string `json:"source"`
	Path        string `json:"path"`
	DisplayName string `json:"displayName"`
	MIMEType    string `json:"mimeType"`
	Name        string `json:"name"`
	PageSize    int32  `json:"pageSize"`
}

type answer struct {
	OK      bool          `json:"ok"`
	SDK     string        `json:"sdk,omitempty"`
	Version string        `json:"version,omitempty"`
	File    *genai.File   `json:"file,omitempty"`
	Pages   [][]string    `json:"pages,omitzero"`
	Files   []*genai.File `json:"files,omitzero"`
	*failure
}

type failure struct {
	Code    int    `json:"code"`
	Status  string `json:"status"`
	Message string `json:"message"`
	Type    string `json:"type"`
}

// unsized hides everything of a file but its bytes, so that its size cannot be known beforehand.
type unsized struct{ io.Reader }

func upload(ctx context.Context, files *genai.Files, c command) (*genai.File, error) {
	config := &genai.UploadFileConfig{
		DisplayName: c.DisplayName,
		MIMEType:    c.MIMEType,
		Name:        c.Name,
	}
	if c.Source == "path" {
		return files.UploadFromPath(ctx, c.Path, config)
	}
	file, err := os.Open(c.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if c.Source == "object" {
		return files.Upload(ctx, file, config)
	}
	return files.Upload(ctx, unsized{file}, config)
}

func list(ctx context.Context, files *genai.Files, c command) (answer, error) {
	page, err := files.List(ctx, &genai.ListFilesConfig{PageSize: c.PageSize})
	result := answer{OK: true, Pages: [][]string{}, Files: []*genai.File{}}
	for err == nil {
		names := []string{}
		for _, file := range page.Items {
			names = append(names, file.Name)
		}
		result.Pages = append(result.Pages, names)
		result.Files = append(result.Files, page.Items...)
		page, err = page.Next(ctx)
	}
	if errors.Is(err, genai.ErrPageDone) {
		return result, nil
	}
	return answer{}, err
}

func version() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, dependency := range build.Deps {
		if dependency.Path == sdk {
			return dependency.Version
		}
	}
	return ""
}

func perform(ctx context.Context, files *genai.Files, c command) (answer, error) {
	switch c.Op {
	case "version":
		return answer{OK: true, SDK: sdk, Version: version()}, nil
	case "upload":
		file, err := upload(ctx, files, c)
		return answer{OK: true, File: file}, err
	case "get":
		file, err := files.Get(ctx, c.Name, nil)
		return answer{OK: true, File: file}, err
	case "list":
		return list(ctx, files, c)
	case "delete":
		_, err := files.Delete(ctx, c.Name, nil)
		return answer{OK: true}, err
	}
	return answer{}, fmt.Errorf("unknown op %q", c.Op)
}

func failed(err error) answer {
	f := &failure{Message: err.Error(), Type: fmt.Sprintf("%T", err)}
	var api genai.APIError
	if errors.As(err, &api) {
		f.Code, f.Status, f.Message = api.Code, api.Status, api.Message
	}
	return answer{failure: f}
}

func main() {
	ctx := context.Background()
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
		Backend:     genai.BackendGeminiAPI,
		APIKey:      os.Getenv("SDK_API_KEY"),
		HTTPOptions: genai.HTTPOptions{BaseURL: os.Getenv("SDK_BASE_URL")},
	})
	if err != nil {
		log.Fatal(err)
	}
	answers := json.NewEncoder(os.Stdout)
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		var c command
		if err := json.Unmarshal(commands.Bytes(), &c); err != nil {
			log.Fatal(err)
		}
		result, err := perform(ctx, client.Files, c)
		if err != nil {
			result = failed(err)
		}
		if err := answers.Encode(result); err != nil {
			log.Fatal(err)
		}
	}
	if err := commands.Err(); err != nil {
		log.Fatal(err)
	}
}
