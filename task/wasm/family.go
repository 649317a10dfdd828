package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"agora/task"
)

// Item is one item of a module.
type Item struct {
	Path string
	Body []byte // the request: one JSON object, to its last brace
	Key  []byte // what the module wants back to score an answer
	Fuel uint64 // instructions that it took
}

// Verdict is what a module thinks of an answer.
type Verdict struct {
	Score      float64 // in [0, 1]
	Reason     string
	Fuel       uint64
	Transcript []Exchange // what it asked models, in order
}

var paths = []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/audio/speech"}

// Item draws the item with this index. ErrModule: the module has none.
func (m *Module) Item(ctx context.Context, seed task.Seed, index uint64) (Item, error) {
	out, fuel, err := m.callIn(ctx, newWorld(), "agora_item", MaxRequest+MaxKey+256, (*[32]byte)(&seed), index)
	if err != nil {
		return Item{}, err
	}
	item, err := parseItem(out)
	item.Fuel = fuel
	if err != nil {
		return Item{}, fmt.Errorf("%w: agora_item: %w", ErrModule, err)
	}
	return item, nil
}

// parseItem reads what agora_item gives.
func parseItem(out []byte) (Item, error) {
	var fields [3][]byte
	for i := range fields {
		if len(out) < 4 {
			return Item{}, fmt.Errorf("field %d is missing", i)
		}
		n := binary.LittleEndian.Uint32(out)
		if int64(n) > int64(len(out)-4) {
			return Item{}, fmt.Errorf("field %d has %d bytes of %d", i, len(out)-4, n)
		}
		fields[i], out = out[4:4+n], out[4+n:]
	}
	item := Item{Path: string(fields[0]), Body: bytes.TrimSpace(fields[1]), Key: fields[2]}
	switch {
	case len(out) > 0:
		return item, fmt.Errorf("%d bytes are left over", len(out))
	case !slices.Contains(paths, item.Path):
		return item, fmt.Errorf("its path is %.40q, not one of %s", item.Path, strings.Join(paths, ", "))
	case len(item.Body) > MaxRequest || len(item.Key) > MaxKey:
		return item, fmt.Errorf("request and key have %d and %d bytes, at most %d and %d", len(item.Body), len(item.Key), MaxRequest, MaxKey)
	}
	return item, checkRequest(item.Body)
}

// checkRequest wants one JSON object without a wish for a stream.
func checkRequest(body []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		return fmt.Errorf("the request is not a JSON object: %.60q", body)
	}
	for _, ours := range []string{"stream", "stream_options"} {
		if _, has := members[ours]; has {
			return fmt.Errorf("the request has %q, which is the judge's to add", ours)
		}
	}
	if len(members) == 0 {
		return fmt.Errorf("the request is empty")
	}
	return nil
}

// Score judges an answer to an item by its key. ErrModule: the module cannot, here or anywhere; it counts as a score of 0. ErrHost:
// this machine could not.
func (m *Module) Score(ctx context.Context, key, answer []byte) (Verdict, error) {
	if len(answer) > MaxAnswer {
		return Verdict{Reason: "the answer is too long"}, nil
	}
	w := newWorld()
	w.asked.may = true
	out, fuel, err := m.callIn(ctx, w, "agora_score", 8+MaxReason, key, answer)
	if err != nil {
		return Verdict{Fuel: fuel}, err
	}
	if len(out) < 8 {
		return Verdict{Fuel: fuel}, fmt.Errorf("%w: agora_score gives %d bytes, a score has 8", ErrModule, len(out))
	}
	v := Verdict{Score: math.Float64frombits(binary.LittleEndian.Uint64(out)), Reason: string(out[8:]), Fuel: fuel, Transcript: w.asked.list}
	if !(v.Score >= 0 && v.Score <= 1) {
		return Verdict{Fuel: fuel}, fmt.Errorf("%w: agora_score gives %v, not a number from 0 to 1", ErrModule, v.Score)
	}
	if !utf8.ValidString(v.Reason) {
		v.Reason = strings.ToValidUTF8(v.Reason, "\ufffd")
	}
	return v, nil
}

// Family is a module as a judge knows task families. Its name is the module's digest.
type Family struct {
	Module *Module
	Failed func(error)                         // told of items and scores that failed; may be nil
	Keep   func(key, answer []byte, v Verdict) // told of scores for which models were asked; may be nil
}

// Name is the module's digest in hexadecimal.
func (f Family) Name() string { return f.Module.digest.String() }

// Item draws an item; one without a path where the module has none.
func (f Family) Item(seed task.Seed, index uint64) task.Item {
	ctx := context.Background() // bounded by fuel
	item, err := f.Module.Item(ctx, seed, index)
	if err != nil {
		f.tell(err)
		return task.Item{}
	}
	return task.Item{ID: f.id(item), Path: item.Path, Body: item.Body, Score: func(answer []byte) (float64, error) {
		v, err := f.Module.Score(ctx, item.Key, answer)
		if err != nil {
			f.tell(err)
		}
		if len(v.Transcript) > 0 && f.Keep != nil {
			f.Keep(item.Key, answer, v)
		}
		if errors.Is(err, ErrHost) {
			err = fmt.Errorf("%w: %w", task.ErrNoScore, err)
		}
		return v.Score, err
	}}
}

func (f Family) tell(err error) {
	if f.Failed != nil {
		f.Failed(err)
	}
}

// id is SHA-256 over the module's digest, path and body, each of the last two with its length in eight bytes before it.
func (f Family) id(item Item) [32]byte {
	h := sha256.New()
	h.Write(f.Module.digest[:])
	for _, part := range [][]byte{[]byte(item.Path), item.Body} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return [32]byte(h.Sum(nil))
}
