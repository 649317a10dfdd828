package validator

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"agora/gateway"
	"agora/mechanism/score"
	"agora/task"
	"agora/wire"
	"agora/wire/openai"
)

// Hub carries requests to the connected miners; a wire.Hub is one.
type Hub interface {
	Connected(netuid uint32, key ed25519.PublicKey) bool
	RoundTripper(netuid uint32, key ed25519.PublicKey) http.RoundTripper
	Recheck()
}

const (
	maxAnswer = 1 << 20 // bytes of one answer that are read
	maxEvent  = 1 << 20 // bytes of one event of a stream, as gateways have it
)

// errBusy marks a miner without room for another request.
var errBusy = errors.New("miner has no room")

// question is an item in the form in which one round asks it.
type question struct {
	task.Item
	stream bool
}

// forms are what consumers' clients add to a request: nothing, or a wish for a stream, with or without its usage.
var forms = [...]string{"", "", `,"stream":true`, `,"stream":true,"stream_options":{"include_usage":true}`}

// streamed are the paths that may be asked in any form; the others are answered in one piece.
var streamed = []string{"/v1/chat/completions", "/v1/completions"}

// pose draws the form of an item by a die that nobody else sees: whoever answered one form worse than another must not be
// able to know which of them is judged.
func pose(item task.Item) question {
	if !slices.Contains(streamed, item.Path) {
		return question{item, false}
	}
	var die [1]byte
	rand.Read(die[:])
	form := forms[int(die[0])%len(forms)]
	body := slices.Concat(item.Body[:len(item.Body)-1], []byte(form), []byte("}"))
	return question{task.Item{ID: item.ID, Path: item.Path, Body: body, Score: item.Score}, form != ""}
}

// outcome is what became of a question.
type outcome int

const (
	counted   outcome = iota // answered, or not: the result says
	refused                  // the miner has no room now
	uncounted                // this program ended it, which says nothing about the miner
)

// ask puts one question to one miner. Whatever kept the miner from answering (it is not there, it has no room, it is too slow, an
// error, an answer that breaks off) is the same: it did not answer.
func (j *judge) ask(ctx context.Context, q question, m Miner) (score.Result, outcome) {
	result := score.Result{UID: uint16(m.UID), Registered: m.Registered, Failed: true}
	if !j.hub.Connected(j.netuid, m.HotKey) {
		return result, counted
	}
	select {
	case j.slots <- struct{}{}:
		defer func() { <-j.slots }()
	case <-ctx.Done():
		return result, uncounted
	}
	ctx, cancel := context.WithTimeoutCause(ctx, j.deadline, errSlow)
	defer cancel()
	began := time.Now()
	body, err := j.exchange(ctx, q, m)
	switch {
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSlow):
		return result, uncounted
	case errors.Is(err, errBusy):
		return result, refused
	case errors.Is(err, errUnpaid):
		return result, uncounted
	case err != nil && !errors.Is(err, errKind):
		return result, counted
	}
	result.Failed, result.Latency = false, time.Since(began)
	if err == nil {
		result.Score, err = q.Score(body) // malformed is 0
		if errors.Is(err, task.ErrNoScore) {
			return result, uncounted
		}
		result.Said = saidIn(body)
	}
	return result, counted
}

// errSlow ends a request that took longer than its deadline.
var errSlow = errors.New("miner was too slow")

// errStatus marks an answer whose status is an error.
var errStatus = errors.New("miner answered with an error status")

// exchange sends the question as a gateway sends a consumer's request, and reads the answer, whole.
func (j *judge) exchange(ctx context.Context, q question, m Miner) ([]byte, error) {
	resp, err := wayTo(j.hub, j.payer, j.netuid, m).RoundTrip(gateway.Request(ctx, q.Path, asked(q), gateway.Nonce([8]byte{})))
	if errors.Is(err, wire.ErrBusy) {
		return nil, errBusy
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests:
		return nil, errBusy
	default:
		return nil, errStatus
	}
	if q.stream || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return joined(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errKind
	}
	return body, err
}

// asked is a question's body as gateways send it.
func asked(q question) []byte {
	if !slices.Contains(streamed, q.Path) {
		return q.Body
	}
	return gateway.AsStream(q.Body)
}

// errKind marks an answer that is none: no stream where one was asked for, or more than can be read.
var errKind = errors.New("miner answered something else")

// joined reads a stream and returns the answer that it amounts to, JSON. It asks of a stream what a gateway does.
func joined(resp *http.Response) ([]byte, error) {
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return nil, errKind
	}
	return openai.Join(openai.NewStream(io.LimitReader(resp.Body, maxAnswer), maxEvent))
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
