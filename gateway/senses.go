package gateway

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"agora/gateway/peek"
	"agora/wire/openai"
	"agora/wire/walk"
)

// Operations that are answered in one piece. Who can do them says so on its card: nobody else is asked.
var (
	embedding  = operation{"embeddings", "/v1/embeddings", "input", openai.CanEmbed, true}
	rerank     = operation{"rerank", "/v1/rerank", "query", openai.CanRerank, true}
	image      = operation{"image_generation", "/v1/images/generations", "prompt", openai.CanDraw, true}
	speech     = operation{"speech", "/v1/audio/speech", "input", openai.CanSpeak, true}
	transcript = operation{"transcription", "/v1/audio/transcriptions", "", openai.CanTranscribe, true}
)

// head reads what routes a request. For a form it also rewrites nothing: miners get it as it came.
func (o operation) head(r *http.Request, body []byte) (peek.Head, error) {
	if o.input != "" {
		h, err := peek.Request(body, o.input)
		if err == nil && o.whole {
			err = inOnePiece(h)
		}
		return h, err
	}
	f, err := openai.ReadForm(r.Header.Get("Content-Type"), body)
	if err != nil {
		return peek.Head{}, err
	}
	return peek.Head{Model: f.Model}, nil
}

// inOnePiece refuses a stream of what is answered in one piece.
func inOnePiece(h peek.Head) error {
	if h.Stream {
		return openai.Invalid("stream", "this is answered in one piece here: leave stream out").WithCode(openai.CodeUnsupported)
	}
	if text, ok := walk.Text(h.Member("stream_format")); ok && string(text) == "sse" {
		return openai.Invalid("stream_format", "this is answered in one piece here: leave stream_format out").WithCode(openai.CodeUnsupported)
	}
	return nil
}

// outgoing is the body as miners get it.
func (o operation) outgoing(body []byte, h peek.Head) []byte {
	switch {
	case o.input == "":
		return body
	case o.whole:
		return peek.Bare(body, h)
	}
	return peek.AsStream(body, h)
}

// doable says whether a card does not rule an operation out, nor that the answer could not be run again where models are open.
func (o operation) doable(m *candidate) bool {
	return !o.unheld(m) && (m.Can&o.needs != 0 || m.Can == 0 && !o.whole)
}

// unheld says that a miner is paid for its model's answers, and that those of an operation cannot be held to the model.
func (o operation) unheld(m *candidate) bool { return m.Open && o == completion }

// readPiece reads an answer that is one piece of whatever kind.
func (a *answer) readPiece() error {
	body, err := io.ReadAll(a)
	if err != nil {
		return err
	}
	kind := valueOf(a.resp.Header, "Content-Type")
	if strings.HasPrefix(kind, "application/json") && !walk.IsObject(body) {
		return errNotJSON
	}
	if !slices.ContainsFunc(kinds, func(k string) bool { return strings.HasPrefix(kind, k) }) || len(body) == 0 {
		return errKind
	}
	a.begins()
	a.whole, a.kind = body, kind
	if strings.HasPrefix(kind, "application/json") {
		a.usage = openai.UsageOf(body)
	}
	return nil
}

// kinds are what answers may be. Nothing that a browser would run is among them.
var kinds = []string{"application/json", "audio/", "image/png", "image/jpeg", "image/webp", "text/plain", "text/vtt", "application/x-subrip", "application/octet-stream"}

// unserved is the refusal where a route has nobody for an operation, m as little as others, with who has.
func (c *call) unserved(m *candidate) *openai.Error {
	var there []string
	if t := c.table.Load(); t != nil {
		for _, m := range t.models {
			if t.routes[m.ID].other(func(m *candidate) bool { return c.operation.doable(m) && c.Miners.Connected(m.netuid, m.HotKey) }, c.tried) {
				there = append(there, m.ID)
			}
		}
	}
	who := "nobody here does"
	if len(there) > 0 {
		who = "there is: " + strings.Join(there[:min(len(there), 20)], ", ")
	}
	e := openai.Errorf(http.StatusNotFound, "nobody who serves %q answers %s; %s", c.Model, clean(c.url), who)
	if c.unheld(m) {
		e = openai.Errorf(http.StatusNotFound, "the models of %q are open and their answers are run again, which those of %s cannot be: ask /v1/chat/completions; for this %s", c.Model, clean(c.url), who)
	}
	e.Param = "model"
	return e.WithCode("not_served")
}
