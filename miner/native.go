package miner

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"agora/engine"
	"agora/wire"
	"agora/wire/openai"
	"agora/wire/receipt"
)

// native answers with an engine of this process.
type native struct {
	engine  engine.Engine
	opt     *Options
	started int64 // Unix seconds
}

func (n *native) models(w http.ResponseWriter, _ *http.Request) error {
	info := n.engine.Info()
	return writeJSON(w, openai.ModelList{Object: "list", Data: []openai.Model{
		{ID: info.Model, Object: "model", Created: n.started, OwnedBy: info.Engine},
	}})
}

// readsStops says whether who asks reads answers that name the stop string which ended them: programs that know no receipts signed together
// count an answer with a member that they do not know as one without a receipt.
func readsStops(r *http.Request) bool {
	return r.Header.Get(receipt.NonceHeader) == "" || r.Header.Get(receipt.TakesHeader) == receipt.Together
}

func (n *native) chat(w http.ResponseWriter, r *http.Request) error {
	body, err := bodyOf(r, n.opt.MaxBody)
	if err != nil {
		return err
	}
	req, err := openai.DecodeChatFor(n.engine.Info().Can, body)
	if err != nil {
		return err
	}
	chatter, ok := n.engine.(engine.Chatter)
	if !ok {
		return n.cannot("/v1/chat/completions", "/v1/completions")
	}
	a := newChatAnswer(req, n.stamp("chatcmpl-"))
	a.short = !readsStops(r)
	s := signingOf(w)
	ctx := s.seed(r.Context())
	if !req.Stream {
		usage, finish, err := chatter.Chat(ctx, req, a.add)
		if err != nil {
			return err
		}
		if tokens := s.chosen(a, usage); tokens != "" {
			w.Header().Set(receipt.TokensHeader, tokens)
		}
		return writeJSON(w, a.whole(usage, finish))
	}
	s.tell()
	events := openai.NewEventWriter(w)
	usage, finish, err := chatter.Chat(ctx, req, func(t engine.Token) error {
		return sendAll(events, a.chunks(t))
	})
	if err != nil {
		return n.breakOff(w, events, err)
	}
	tokens := s.chosen(a, usage)
	if tokens != "" {
		tokens = receipt.TokensComment + tokens
	}
	if finishStream(events, a.last(usage, finish), tokens) {
		s.told(a.said(finish), usage)
	}
	return nil
}

func (n *native) complete(w http.ResponseWriter, r *http.Request) error {
	body, err := bodyOf(r, n.opt.MaxBody)
	if err != nil {
		return err
	}
	req, err := openai.DecodeCompletionFor(n.engine.Info().Can, body)
	if err != nil {
		return err
	}
	completer, ok := n.engine.(engine.Completer)
	if !ok {
		return n.cannot("/v1/completions", "/v1/chat/completions")
	}
	a, s := newCompletionAnswer(req, n.stamp("cmpl-")), signingOf(w)
	if !req.Stream {
		usage, finish, err := completer.Complete(r.Context(), req, a.add)
		if err != nil {
			return err
		}
		return writeJSON(w, a.whole(usage, finish))
	}
	s.tell()
	events := openai.NewEventWriter(w)
	usage, finish, err := completer.Complete(r.Context(), req, func(t engine.Token) error {
		return sendAll(events, a.chunks(t))
	})
	if err != nil {
		return n.breakOff(w, events, err)
	}
	if finishStream(events, a.last(usage, finish), "") {
		s.told(a.said(finish), usage)
	}
	return nil
}

func (n *native) cannot(path, instead string) error {
	return openai.Errorf(http.StatusNotFound, "model %s does not serve %s, use %s", n.engine.Info().Model, path, instead)
}

// breakOff ends a stream with an error: by status while nothing was sent, else inside the stream, which then lacks its end.
func (n *native) breakOff(w http.ResponseWriter, events *openai.EventWriter, err error) error {
	if !events.Started() {
		return err
	}
	if rec, ok := w.(*recorder); ok {
		rec.abandoned = events.Lost() || errors.Is(err, context.Canceled)
		rec.broken = !rec.abandoned
	}
	n.opt.Log.Debug("stream broke off", "err", err)
	events.Fail(openai.Errorf(http.StatusInternalServerError, "the miner broke off this answer"))
	return nil
}

// bodyOf is a request's body of at most limit bytes: the one that the wire has read, which must not be changed, or what is read
// now. The error is an *openai.Error.
func bodyOf(r *http.Request, limit int64) ([]byte, error) {
	if body, whole := wire.Body(r); whole && int64(len(body)) <= limit {
		return body, nil
	}
	return openai.ReadBody(r.Body, limit)
}

// stamp is what every part of one answer repeats.
type stamp struct {
	id      string
	created int64 // Unix seconds
	model   string
}

func (n *native) stamp(prefix string) stamp {
	var id [12]byte
	rand.Read(id[:]) // never fails
	return stamp{prefix + hex.EncodeToString(id[:]), time.Now().Unix(), n.engine.Info().Model}
}

// sendAll sends chunks that belong together, at once.
func sendAll[T any](events *openai.EventWriter, chunks []T) error {
	for i := range chunks {
		send := events.Send
		if i+1 < len(chunks) {
			send = events.Add
		}
		if err := send(&chunks[i]); err != nil {
			return err
		}
	}
	return nil
}

// finishStream writes the last chunks, and a comment where there is one; they leave with the answer's end. False says that the
// reader has gone, which ends the request by itself.
func finishStream[T any](events *openai.EventWriter, chunks []T, comment string) bool {
	for i := range chunks {
		add := events.Add
		if !events.Started() {
			add = events.Send // what follows the end needs a header that has left
		}
		if add(&chunks[i]) != nil {
			return false
		}
	}
	if comment != "" && events.Comment(comment) != nil {
		return false
	}
	return events.Done() == nil
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(body, '\n')) // fails only where nobody reads any more
	return nil
}
