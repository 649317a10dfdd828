#!/usr/bin/env bash
# Comments in a stream of server-sent events mean nothing and may come at any time, for example to keep it alive.
# sashabaranov/go-openai counts their lines as empty messages and gives up after 300. Exits 1 if that changed.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module finding

go 1.24

require github.com/sashabaranov/go-openai v1.43.0
MOD
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	openai "github.com/sashabaranov/go-openai"
)

func main() {
	failed := map[int]bool{}
	for _, n := range []int{100, 149, 200} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, strings.Repeat(": keep-alive\n\n", n), "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
		}))
		c := openai.DefaultConfig("key")
		c.BaseURL = s.URL
		stream, err := openai.NewClientWithConfig(c).CreateChatCompletionStream(context.Background(), openai.ChatCompletionRequest{Model: "m", Messages: []openai.ChatCompletionMessage{{Role: "user", Content: "hi"}}})
		if err == nil {
			_, err = stream.Recv()
		}
		fmt.Printf("%d comments before the first event: %v\n", n, err)
		failed[n] = err != nil
		s.Close()
	}
	if failed[100] || failed[149] || !failed[200] {
		os.Exit(1)
	}
}
GO
echo "github.com/sashabaranov/go-openai v1.43.0"
GOFLAGS=-mod=mod go run .
echo "as found: it gives up between 149 and 200 comments"
