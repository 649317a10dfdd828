package miner

import (
	"bytes"
	"encoding/json"
	"net/http"

	"agora/mechanism/price"
	"agora/wire/openai"
)

// counter finds the usage in an answer that passes.
type counter struct {
	http.ResponseWriter
	status int
	chunks uint64
	usage  []byte // the text after the last "usage":
	left   bool   // who asked ended the request
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counter) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

const maxUsage = 4 << 10

func (c *counter) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	c.chunks += uint64(bytes.Count(p, []byte("data: {")))
	if i := bytes.LastIndex(p, []byte(`"usage":`)); i >= 0 {
		if rest := bytes.TrimSpace(p[i+len(`"usage":`):]); len(rest) > 0 && rest[0] == '{' {
			c.usage = append(c.usage[:0], rest[:min(len(rest), maxUsage)]...)
		}
	}
	return c.ResponseWriter.Write(p)
}

// tokens are what the answer's usage tells, else at least its events. Of an answer that was ended the last one may not have
// arrived: so one of which another was faster costs nothing.
func (c *counter) tokens() price.Tokens {
	var u openai.Usage
	if len(c.usage) == 0 || json.NewDecoder(bytes.NewReader(c.usage)).Decode(&u) != nil {
		if c.left {
			return price.Tokens{Out: c.chunks - min(1, c.chunks)}
		}
		return price.Tokens{Out: c.chunks}
	}
	return price.Tokens{In: uint64(max(0, u.PromptTokens)), Out: uint64(max(0, u.CompletionTokens))}
}
