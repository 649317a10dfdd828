package miner

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"agora/engine"
	"agora/wire"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// maxSigned bounds what is kept of an answer for its receipt, in bytes. A longer answer has none.
const maxSigned = 4 << 20

// Seat is the place for which a miner signs.
type Seat struct {
	ChainID    string
	NetUID     uint32
	UID        uint32
	Registered uint64 // block at which it was taken
	Model      engine.Info
}

// signing collects what the receipt of one answer says beside the answer. The engine's side of it is written by the
// handler that answers.
type signing struct {
	receipt.Receipt
	tokens  [][]int32        // of each choice; nil where the engine does not tell them
	tells   bool             // the handler of a stream tells what it says, and no copy is kept
	choices []receipt.Choice // that it told; nil as long as the stream is not whole
}

// signingOf is the receipt of what is answered there, nil where none is wanted.
func signingOf(w http.ResponseWriter) *signing {
	for {
		switch under := w.(type) {
		case *copied:
			return &under.signing
		case interface{ Unwrap() http.ResponseWriter }:
			w = under.Unwrap()
		default:
			return nil
		}
	}
}

// seed gives the engine what an answer without a seed of its own is drawn from.
func (s *signing) seed(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return engine.WithDraw(ctx, engine.Draw{Nonce: s.Nonce, Request: s.Request})
}

// maxTokensHeader bounds the tokens of an answer as text, in bytes: a voice reads headers of 64 KiB.
const maxTokensHeader = 48 << 10

// chosen notes the tokens of an answer and returns them as they travel; "" where the engine does not tell them all or they
// are too many.
func (s *signing) chosen(a *chatAnswer, usage openai.Usage) string {
	if s == nil {
		return ""
	}
	s.Prompt, s.Completion = count(usage.PromptTokens), count(usage.CompletionTokens)
	sum := 0
	tokens := make([][]int32, len(a.choices))
	for i := range a.choices {
		tokens[i] = a.choices[i].end.IDs
		if len(tokens[i]) == 0 {
			return ""
		}
		sum += len(tokens[i])
	}
	if sum > receipt.MaxTokens {
		return ""
	}
	s.tokens = tokens
	text := receipt.AppendTokens(tokens)
	if len(text) > maxTokensHeader {
		s.tokens = nil
		return ""
	}
	return text
}

// tell says that a handler will tell what its stream says, once all of it was written.
func (s *signing) tell() {
	if s != nil {
		s.tells = true
	}
}

// told notes what a stream says. A choice without a reason for its end is no answer.
func (s *signing) told(choices []receipt.Choice, usage openai.Usage) {
	if s == nil || slices.ContainsFunc(choices, func(c receipt.Choice) bool { return c.Finish == "" }) {
		return
	}
	s.choices, s.Prompt, s.Completion = choices, count(usage.PromptTokens), count(usage.CompletionTokens)
}

// signed answers a voice's requests with h and signs each answer to a request that brings a nonce: a stream's receipt is in
// its trailer, a whole answer's in its header.
func (m *Miner) signed(voice ed25519.PublicKey, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Traceparent")
		nonce, ok := nonceOf(r)
		if ok { // names the request's trace, for who answers behind this program
			r.Header["Traceparent"] = []string{receipt.TraceParent(nonce)}
		}
		c := &copied{ResponseWriter: w}
		if !ok || !m.begin(&c.signing.Receipt, voice, nonce, r) {
			h.ServeHTTP(w, r)
			return
		}
		defer c.give()
		h.ServeHTTP(c, r)
		text, err := c.sign(m.signer, r.Header.Get(receipt.TakesHeader) == receipt.Together)
		if err != nil {
			m.Log.Debug("an answer without a receipt", "err", err)
		}
		c.finish(text)
	})
}

// nonceOf is the nonce that a request brings.
func nonceOf(r *http.Request) (nonce [16]byte, ok bool) {
	text := r.Header.Get(receipt.NonceHeader)
	if len(text) != 2*len(nonce) {
		return nonce, false
	}
	_, err := hex.Decode(nonce[:], []byte(text))
	return nonce, err == nil
}

// begin prepares the receipt of a request. False is a request whose body is not here, or a miner that has no seat yet.
func (m *Miner) begin(to *receipt.Receipt, voice ed25519.PublicKey, nonce [16]byte, r *http.Request) bool {
	body, whole := wire.Body(r)
	if !whole || m.Seat == nil {
		return false
	}
	seat, ok := m.Seat()
	if !ok {
		return false
	}
	*to = receipt.Receipt{
		ChainID: seat.ChainID, Netuid: seat.NetUID, UID: seat.UID, Registered: seat.Registered, Voice: [32]byte(voice), Nonce: nonce,
		Engine: clip(seat.Model.Engine, receipt.MaxEngine), Version: clip(seat.Model.Version, receipt.MaxVersion), Digest: digestOf(seat.Model.Digest),
		Request: receipt.RequestHash(nonce, body),
	}
	return true
}

func clip(s string, n int) string { return s[:min(n, len(s))] }

// digestOf reads "sha256:<hex>"; zero where it is nothing of that form.
func digestOf(text string) (d [32]byte) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, "sha256:"))
	if err == nil && len(b) == len(d) {
		copy(d[:], b)
	}
	return d
}

// copied keeps a copy of what is answered, unless its handler tells what it says. A whole answer goes out with finish, as its
// receipt stands before it.
type copied struct {
	http.ResponseWriter
	signing signing
	status  int
	body    *bytes.Buffer // nil as long as nothing is kept
	size    int           // bytes answered
	sent    bool          // the header is out
	over    bool          // more was answered than a receipt covers
}

// copies are the buffers of answers; what has grown larger than maxCopy is not kept.
var copies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxCopy = 64 << 10 // bytes

// give gives the buffer back.
func (c *copied) give() {
	if c.body != nil && c.body.Cap() <= maxCopy {
		c.body.Reset()
		copies.Put(c.body)
	}
	c.body = nil
}

// Unwrap lets http.ResponseController reach the connection.
func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *copied) streams() bool {
	return strings.HasPrefix(c.Header().Get("Content-Type"), "text/event-stream")
}

func (c *copied) WriteHeader(status int) {
	if c.status != 0 {
		return
	}
	c.status = status
	if c.streams() {
		c.send()
	}
}

func (c *copied) send() {
	if !c.sent {
		c.sent = true
		c.ResponseWriter.WriteHeader(c.status)
	}
}

func (c *copied) Write(p []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	c.size += len(p)
	held := !c.sent
	switch {
	case c.over || c.size > maxSigned:
		c.over = true
		if held {
			c.send()
			if _, err := c.ResponseWriter.Write(c.kept()); err != nil {
				return 0, err
			}
		}
	case held || !c.signing.tells:
		c.keep(p)
		if held {
			return len(p), nil
		}
	}
	return c.ResponseWriter.Write(p)
}

func (c *copied) keep(p []byte) {
	if c.body == nil {
		c.body = copies.Get().(*bytes.Buffer)
	}
	c.body.Write(p)
}

// kept is the copy.
func (c *copied) kept() []byte {
	if c.body == nil {
		return nil
	}
	return c.body.Bytes()
}

// finish gives the receipt, "" for none, and what was held back.
func (c *copied) finish(signed string) {
	switch {
	case c.sent && signed != "":
		c.Header().Set(http.TrailerPrefix+receipt.Header, signed)
	case !c.sent && c.status != 0:
		if signed != "" {
			c.Header().Set(receipt.Header, signed)
		}
		c.send()
		c.ResponseWriter.Write(c.kept()) // fails only where nobody reads any more
	}
}

// Why an answer has no receipt.
var (
	errUnsigned = errors.New("miner: too long for a receipt")
	errUntold   = errors.New("miner: the stream did not end whole")
)

// sign reads the answer as its reader will and signs it; "" for what is no answer.
func (c *copied) sign(by *receipt.Signer, together bool) (string, error) {
	s := &c.signing
	if c.status != http.StatusOK {
		return "", nil
	}
	if c.over {
		return "", errUnsigned
	}
	choices, usage, err := c.read()
	if err != nil {
		return "", err
	}
	s.Answer, s.Tokens = receipt.AnswerHash(choices), receipt.TokensHash(s.tokens)
	if usage != nil && s.Prompt == 0 && s.Completion == 0 { // an engine elsewhere tells no more
		s.Prompt, s.Completion = count(usage.PromptTokens), count(usage.CompletionTokens)
	}
	return by.Sign(&s.Receipt, together)
}

func count(n int) uint32 { return uint32(min(max(n, 0), 1<<31-1)) }

func (c *copied) read() ([]receipt.Choice, *openai.Usage, error) {
	var r receipt.Reader
	switch {
	case !c.streams():
		if err := r.Whole(c.kept()); err != nil {
			return nil, nil, err
		}
		choices, err := r.Choices()
		return choices, openai.UsageOf(c.kept()), err
	case c.signing.tells && c.signing.choices == nil:
		return nil, nil, errUntold
	case c.signing.tells:
		return c.signing.choices, nil, nil
	}
	var usage *openai.Usage
	events := openai.StreamOf(c.kept(), maxSigned)
	for {
		chunk, err := events.Next()
		if err == io.EOF {
			choices, err := r.Choices()
			return choices, usage, err
		}
		if err != nil {
			return nil, nil, err
		}
		if chunk.Comment {
			continue
		}
		if chunk.Usage != nil {
			usage = chunk.Usage
		}
		if err := r.Chunk(chunk.Data); err != nil {
			return nil, nil, err
		}
	}
}
