package gateway

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"agora/wire/anthropic"
	"agora/wire/openai"
	"agora/wire/responses"
)

// door is an endpoint where consumers ask for answers.
type door struct {
	operation
	// open translates a request; nil where miners get it as it came.
	open func(body []byte, id string) (*translation, error)
	// refuse is an error's body; nil is OpenAI's.
	refuse func(*openai.Error) []byte
}

// translation is a request as the chat that asks the same, and how the chat's answer is told.
type translation struct {
	chat   []byte // a body of /v1/chat/completions
	stream bool   // whether the consumer wants one
	voice  func() voice
	whole  func(chat []byte) ([]byte, error) // the plain answer
}

// voice tells the chunks of one chat as the events of another API. What it returns is valid until the next call.
type voice interface {
	Chunk(data []byte) ([]byte, error)
	End() []byte
	Fail(e *openai.Error) []byte // also before the first chunk
}

// doors are all endpoints for answers, by their paths.
var doors = map[string]door{
	"/v1/chat/completions":      {operation: chat},
	"/v1/completions":           {operation: completion},
	"/v1/responses":             {operation: chat, open: openResponse},
	"/v1/messages":              {operation: chat, open: openMessage, refuse: anthropic.Refuse},
	"/v1/messages/count_tokens": {operation: chat, open: openCount, refuse: anthropic.Refuse},
	"/v1/embeddings":            {operation: embedding},
	"/v1/rerank":                {operation: rerank},
	"/v1/images/generations":    {operation: image},
	"/v1/audio/speech":          {operation: speech},
	"/v1/audio/transcriptions":  {operation: transcript},
}

func openResponse(body []byte, id string) (*translation, error) {
	r, err := responses.Decode(body)
	if err != nil {
		return nil, err
	}
	text, err := r.Chat()
	if err != nil {
		return nil, err
	}
	writer := func() *responses.Writer { return responses.NewWriter(r, id, time.Now().Unix()) }
	return &translation{
		chat: text, stream: r.Stream, voice: func() voice { return writer() },
		whole: func(chat []byte) ([]byte, error) { return writer().Whole(chat) },
	}, nil
}

func openMessage(body []byte, id string) (*translation, error) {
	r, err := anthropic.Decode(body)
	if err != nil {
		return nil, err
	}
	text, err := r.Chat()
	if err != nil {
		return nil, err
	}
	writer := func() *anthropic.Writer { return anthropic.NewWriter(r, id) }
	return &translation{
		chat: text, stream: r.Stream, voice: func() voice { return writer() },
		whole: func(chat []byte) ([]byte, error) { return writer().Whole(chat) },
	}, nil
}

// openCount asks the model that would answer for one token, since only its server knows its tokens.
func openCount(body []byte, _ string) (*translation, error) {
	r, err := anthropic.Decode(body)
	if err != nil {
		return nil, err
	}
	text, err := r.Count()
	return &translation{chat: text, whole: anthropic.Counted}, err
}

// speaker is an answer whose errors have another shape than OpenAI's.
type speaker struct {
	http.ResponseWriter
	refuse func(*openai.Error) []byte
}

// Unwrap lets http.ResponseController reach the connection.
func (s speaker) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// through serves a request for an answer.
func (g *Gateway) through(d door, w http.ResponseWriter, r *http.Request, came arrival) {
	said := linesOf(w)
	said.set("X-Generation-Id", came.id) // as OpenRouter's clients ask for it
	if d.refuse != nil {
		said.set("Request-Id", came.id) // where Anthropic's clients look for it
		w = speaker{w, d.refuse}
	}
	g.only(http.MethodPost, w, r, func() { g.infer(w, r, d, came) })
}

// unknownPath is the error for a path that is nowhere, in the shape of the door that it looks like.
func (g *Gateway) unknownPath(w http.ResponseWriter, path string) {
	there := "there is POST " + strings.Join(slices.Sorted(maps.Keys(doors)), ", POST ") + " and GET /v1/models"
	e := openai.Errorf(http.StatusNotFound, "there is no %s here; %s", path, there)
	if inner, ok := strings.CutPrefix(path, "/v1"); ok && strings.HasPrefix(inner, "/v1/") {
		e = openai.Errorf(http.StatusNotFound, "there is no %s here: the base URL has /v1 twice; %s", path, there)
	}
	if isBare(path) {
		e = openai.Errorf(http.StatusNotFound, "there is no %s here: the base URL lacks /v1 at its end; %s", path, there)
	}
	if strings.Contains(path, "/messages") {
		w = speaker{w, anthropic.Refuse}
	}
	g.deny(w, e.WithCode("unknown_url"), 0)
}

// isBare says that a path is an endpoint's without /v1, as clients ask it whose base URL lacks that.
func isBare(path string) bool {
	_, ok := doors["/v1"+path]
	return ok || path == "/models"
}
