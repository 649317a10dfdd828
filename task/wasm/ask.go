package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero/api"

	"agora/task/wasm/meter"
)

const askImport meter.Import = "agora.ask"

// Bounds of what a module may ask in one call.
const (
	MaxAsks  = 8
	maxAsk   = 1 << 20 // bytes of one question: some seconds of speech
	maxReply = 64 << 10
	askFuel  = 1_000_000
)

// Asker lets a module ask a model: agora.ask(model i32, n i32, request i32, n i32) i64 in the module's imports.
// Model is 32 bytes: the digest of a model's weights, or 28 zeros and the number of a subnet; request is a chat completion's body, which
// is answered at temperature 0. What the model says is written where agora_alloc points to; 0 stands for an answer of no bytes. Only
// agora_score may ask.
type Asker interface {
	// Ask returns the text of the answer. An error is this machine's lack, not the module's.
	Ask(ctx context.Context, model [32]byte, request []byte) ([]byte, error)
}

// Exchange is one question to a model and its answer: the evidence from which a score can be computed again.
type Exchange struct {
	Model   Digest `json:"model"`
	Request []byte `json:"request"`
	Answer  []byte `json:"answer"`
}

// Hash is SHA-256 over model, request and answer, each of the last two with its length in eight bytes before it.
func (e Exchange) Hash() [32]byte {
	h := sha256.New()
	h.Write(e.Model[:])
	for _, part := range [][]byte{e.Request, e.Answer} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}

// asked is what a call has asked so far, and how long it waited for answers.
type asked struct {
	may    bool
	list   []Exchange
	waited time.Duration
}

var errOther = errors.New("the score asks something else than its evidence holds")

// Evidence answers from a transcript, in order: with it a score is computed again, without the models.
type Evidence struct{ Transcript []Exchange }

// Ask implements Asker.
func (e *Evidence) Ask(_ context.Context, model [32]byte, request []byte) ([]byte, error) {
	if len(e.Transcript) == 0 || e.Transcript[0].Model != model || !bytes.Equal(e.Transcript[0].Request, request) {
		return nil, errOther
	}
	answer := e.Transcript[0].Answer
	e.Transcript = e.Transcript[1:]
	return answer, nil
}

// hostError is a lack of this machine on its way through a module.
type hostError struct{ error }

// own offers agora.ask.
func (h *Host) own(ctx context.Context) error {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	b := h.runtime.NewHostModuleBuilder("agora")
	b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(h.answer), []api.ValueType{i32, i32, i32, i32}, []api.ValueType{i64}).Export("ask")
	_, err := b.Instantiate(ctx)
	return err
}

// answer serves one question of a module. What the module does wrong traps; what the host lacks ends the call as ErrHost.
func (h *Host) answer(ctx context.Context, m api.Module, stack []uint64) {
	w := worldOf(ctx)
	model, ok1 := m.Memory().Read(uint32(stack[0]), uint32(stack[1]))
	request, ok2 := m.Memory().Read(uint32(stack[2]), uint32(stack[3]))
	switch {
	case !ok1 || !ok2 || len(model) != 32:
		panic(fmt.Errorf("agora.ask: the model or the question is outside of memory, or the model's digest has not 32 bytes"))
	case !w.asked.may:
		panic(fmt.Errorf("agora.ask: only agora_score may ask"))
	case len(request) > maxAsk || len(w.asked.list) >= MaxAsks:
		panic(fmt.Errorf("agora.ask: at most %d questions of %d bytes in one call", MaxAsks, maxAsk))
	case !burn(m, askFuel):
		panic(fmt.Errorf("agora.ask: no fuel is left"))
	case h.asker(ctx) == nil:
		panic(&hostError{fmt.Errorf("no model can be asked here")})
	}
	e := Exchange{Model: Digest(model), Request: append([]byte(nil), request...)}
	began := time.Now()
	reply, err := h.asker(ctx).Ask(ctx, e.Model, e.Request)
	w.asked.waited += time.Since(began)
	if err != nil {
		panic(&hostError{err})
	}
	e.Answer = reply[:min(len(reply), maxReply)]
	w.asked.list = append(w.asked.list, e)
	stack[0] = deliver(ctx, m, e.Answer)
}

type askerKey struct{}

// WithAsker lets the calls of this context ask somebody else than the host's asker: Evidence, to compute a score again.
func WithAsker(ctx context.Context, a Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

func (h *Host) asker(ctx context.Context) Asker {
	if a, ok := ctx.Value(askerKey{}).(Asker); ok {
		return a
	}
	return h.ask
}

// deliver puts bytes into a module's memory.
func deliver(ctx context.Context, m api.Module, data []byte) uint64 {
	if len(data) == 0 {
		return 0
	}
	out, err := m.ExportedFunction("agora_alloc").Call(ctx, uint64(len(data)))
	if err != nil || !m.Memory().Write(uint32(out[0]), data) {
		panic(fmt.Errorf("agora.ask: agora_alloc gives no room for an answer"))
	}
	return out[0]<<32 | uint64(len(data))
}
