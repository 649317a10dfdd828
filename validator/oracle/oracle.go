// Package oracle answers what tasks ask while they score: a judge model that this machine runs by the digest of its weights, a program
// that is installed on it, or the best miner of another subnet. Questions are few, each has a deadline, and what cannot be answered is this machine's lack: it costs an item,
// never a miner.
package oracle

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"agora/engine"
	"agora/task/wasm"
	"agora/wire/openai"
)

const (
	maxTokens = 512 // of an answer
	maxOpen   = 2   // models of this machine that are kept loaded
	patience  = 30 * time.Second
	waiting   = 32 // questions that may wait; more are refused
)

// ErrBusy says that too many questions wait already.
var ErrBusy = errors.New("too many questions to models wait")

// Config says who answers.
type Config struct {
	// Open loads the model with this digest, "sha256:<hex>"; nil runs none. An engine that holds memory is an io.Closer.
	Open func(digest string) (engine.Engine, error)
	// Program asks a program of this machine by its name and returns the text of its answer; nil runs none. Errors as those of an engine.
	Program func(ctx context.Context, name string, request []byte) (string, error)
	// Subnet asks the best miner of a subnet a chat completion and returns the body of its answer; nil asks none.
	Subnet func(ctx context.Context, netuid uint32, request []byte) ([]byte, error)
}

// Oracle is a wasm.Asker. It is safe for concurrent use; one model of this machine works at a time.
type Oracle struct {
	cfg   Config
	queue chan struct{}

	work sync.Mutex // one question to a model of this machine at a time
	open []loaded   // the latest used last
}

type loaded struct {
	digest wasm.Digest
	engine engine.Engine
}

// New makes an oracle. Close releases its models.
func New(c Config) *Oracle { return &Oracle{cfg: c, queue: make(chan struct{}, waiting)} }

// Ask implements wasm.Asker: within 30 seconds, at temperature 0.
func (o *Oracle) Ask(ctx context.Context, model [32]byte, request []byte) ([]byte, error) {
	select {
	case o.queue <- struct{}{}:
		defer func() { <-o.queue }()
	default:
		return nil, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if netuid, is := subnetOf(model); is {
		if o.cfg.Subnet == nil {
			return nil, fmt.Errorf("subnet %d cannot be asked from here", netuid)
		}
		body, err := o.cfg.Subnet(ctx, netuid, request)
		if err != nil {
			return nil, fmt.Errorf("subnet %d: %w", netuid, err)
		}
		return textOf(body)
	}
	if name, is := programOf(model); is {
		return o.program(ctx, name, request)
	}
	return o.own(ctx, model, request)
}

// programOf reads the name of a program: "program:" and zeros around it tell it from a digest.
func programOf(model [32]byte) (name string, is bool) {
	name, is = strings.CutPrefix(string(model[:]), "program:")
	name = strings.TrimRight(name, "\x00")
	return name, is && name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' })
}

func (o *Oracle) program(ctx context.Context, name string, request []byte) ([]byte, error) {
	if o.cfg.Program == nil {
		return nil, fmt.Errorf("the program %s is not run here", name)
	}
	o.work.Lock()
	defer o.work.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the judge was busy: %w", err)
	}
	text, err := o.cfg.Program(ctx, name, request)
	if refused(err) {
		return nil, nil
	}
	return []byte(text), err
}

// subnetOf reads the number of a subnet: 28 zeros before it tell it from a digest.
func subnetOf(model [32]byte) (netuid uint32, is bool) {
	return binary.BigEndian.Uint32(model[28:]), [28]byte(model[:28]) == [28]byte{}
}

// textOf is the text of a chat completion or of a transcription.
func textOf(body []byte) ([]byte, error) {
	var reply struct {
		Text    *string `json:"text"`
		Choices []struct {
			Message struct {
				Content openai.Content `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	switch err := json.Unmarshal(body, &reply); {
	case err != nil:
		return nil, fmt.Errorf("the model's answer: %w", err)
	case len(reply.Choices) > 0:
		return []byte(reply.Choices[0].Message.Content), nil
	case reply.Text != nil:
		return []byte(*reply.Text), nil
	}
	return nil, errors.New("the model's answer has no text")
}

// own asks a model of this machine.
func (o *Oracle) own(ctx context.Context, model wasm.Digest, request []byte) ([]byte, error) {
	r, err := greedy(request)
	if refused(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.work.Lock()
	defer o.work.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the judge model was busy: %w", err)
	}
	chatter, err := o.chatter(model)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	_, _, err = chatter.Chat(ctx, r, func(t engine.Token) error {
		text.Write(t.Bytes)
		return nil
	})
	if refused(err) {
		return nil, nil
	}
	return []byte(text.String()), err
}

// refused says that the question is at fault: too long, or malformed. That is an answer, of no words: a miner whose answer made the
// question what it is does not leave the judge by it.
func refused(err error) bool {
	var e *openai.Error
	return errors.As(err, &e) && e.Status/100 == 4 && e.Status != http.StatusTooManyRequests
}

// greedy is a request at temperature 0, one answer of bounded length.
func greedy(body []byte) (*openai.ChatRequest, error) {
	r, err := openai.DecodeChat(body)
	if err != nil {
		return nil, fmt.Errorf("what the task asks: %w", err)
	}
	zero, seed, limit := 0.0, int64(0), maxTokens
	for _, given := range []*int{r.MaxTokens, r.MaxCompletion} {
		if given != nil {
			limit = min(limit, max(1, *given))
		}
	}
	r.Temperature, r.Seed, r.MaxTokens, r.MaxCompletion = &zero, &seed, &limit, nil
	r.N, r.Stream, r.StreamOptions, r.TopP, r.TopK, r.MinP = nil, false, nil, nil, nil, nil
	return r, nil
}

// chatter is a model, loaded where it is not; the one that was used longest ago goes for it.
func (o *Oracle) chatter(model wasm.Digest) (engine.Chatter, error) {
	for i, l := range o.open {
		if l.digest == model {
			o.open = append(append(o.open[:i:i], o.open[i+1:]...), l)
			return l.engine.(engine.Chatter), nil
		}
	}
	if o.cfg.Open == nil {
		return nil, errors.New("no model can be asked here")
	}
	e, err := o.cfg.Open("sha256:" + model.String())
	if err != nil {
		return nil, err
	}
	c, can := e.(engine.Chatter)
	if !can {
		return nil, fmt.Errorf("the model %s answers no questions", model)
	}
	if len(o.open) == maxOpen {
		release(o.open[0].engine)
		o.open = o.open[1:]
	}
	o.open = append(o.open, loaded{model, e})
	return c, nil
}

func release(e engine.Engine) {
	if c, ok := e.(io.Closer); ok {
		_ = c.Close() // it was read only
	}
}

// Close releases the models. Nothing may be asked any more.
func (o *Oracle) Close() {
	o.work.Lock()
	defer o.work.Unlock()
	for _, l := range o.open {
		release(l.engine)
	}
	o.open = nil
}
