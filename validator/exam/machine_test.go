package exam

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"agora/engine/native/batch"
	"agora/engine/native/digest"
	"agora/engine/native/gguf"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/mechanism/frontier"
	"agora/wire/openai"
)

func smallModel(seed uint64) []byte {
	return modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q80}, Embedding: tensor.Q80, Width: 64, Seed: seed})
}

// publishedFile lists the model of a file's bytes.
func publishedFile(t *testing.T, file []byte) Listed {
	t.Helper()
	f, err := gguf.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	id, err := digest.Of(f)
	if err != nil {
		t.Fatal(err)
	}
	return Listed{Model: frontier.Model{Digest: id.Digest, Parameters: uint64(id.Parameters), Bytes: uint64(len(file))}, Name: "m", Template: "chatml"}
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// notExamined holds a course to it that its model has no result, that the reason is told, and that nothing is known against the model.
func notExamined(t *testing.T, own *Course, m Listed) {
	t.Helper()
	if !own.Work(t.Context()) || own.board.Has(m.Digest, 0) {
		t.Error("counts as examined")
	}
	if tempos, err := own.Tempos(m.Digest, 9); err != nil || len(tempos) != 0 {
		t.Errorf("scores are filed: %v, %v", tempos, err)
	}
	if reason, err := own.cfg.Store.Fault(m); err != nil || reason != "" {
		t.Errorf("a fault of the model is filed: %q, %v", reason, err)
	}
	if p := own.Progress(); p.Waiting != 1 || p.Absent != 0 || p.LastError == "" || p.Unsound != 0 || p.Behind != 1 {
		t.Errorf("%+v", p)
	}
}

// Whatever this machine or its disk may have caused is no score. Once it is over, the model is examined.
func TestAFaultOfTheMachineIsNoScoreOfTheModel(t *testing.T) {
	file := smallModel(1)
	flipped := append([]byte(nil), file...)
	flipped[len(flipped)-1000] ^= 1
	m := publishedFile(t, file)
	for name, state := range map[string]func(path string) error{
		"a folder":       func(path string) error { return os.Mkdir(path, 0o700) },
		"no way to it":   func(path string) error { return os.Symlink(path, path) },
		"no file":        func(string) error { return nil },
		"a damaged byte": func(path string) error { return os.WriteFile(path, flipped, 0o600) },
		"cut short":      func(path string) error { return os.WriteFile(path, file[:len(file)/2], 0o600) },
		"no model":       func(path string) error { return os.WriteFile(path, make([]byte, 4096), 0o600) },
		"another model":  func(path string) error { return os.WriteFile(path, smallModel(2), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.gguf")
			if err := state(path); err != nil {
				t.Fatal(err)
			}
			room := NewRoom(&Shelf{Fetch: func(context.Context, Listed) (string, error) { return path, nil }}, 1)
			own, now := course(t, &chain{models: []Listed{m}, items: 1}, room, filepath.Join(t.TempDir(), "exam.db")), time.Now()
			own.clock = func() time.Time { return now }
			own.Begin(0)
			notExamined(t, own, m)
			put(t, path, file)
			now = now.Add(again)
			if own.Work(t.Context()) || !own.board.Has(m.Digest, 0) {
				t.Errorf("not examined once it is there: %s", own.Progress().LastError)
			}
			if p := own.Progress(); p.Waiting != 0 || p.LastError != "" || p.Unsound != 0 {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestErrorsOfTheSystemAreNoScoreOfTheModel(t *testing.T) {
	m := Listed{Model: frontier.Model{Digest: [32]byte{1}, Parameters: 1}}
	answers := func(err error) library {
		return library{model: puppet{chat: func(context.Context, *openai.ChatRequest) error { return err }}}
	}
	for name, l := range map[string]library{
		"no more files":  {err: &os.PathError{Op: "open", Path: "m.gguf", Err: syscall.EMFILE}},
		"not allowed":    {err: &os.PathError{Op: "open", Path: "m.gguf", Err: syscall.EACCES}},
		"no memory":      {err: fmt.Errorf("map: %w", syscall.ENOMEM)},
		"closed":         answers(batch.ErrClosed),
		"busy":           answers(openai.Errorf(429, "busy")),
		"something else": answers(errors.New("nobody knows")),
	} {
		t.Run(name, func(t *testing.T) {
			own := course(t, &chain{models: []Listed{m}, items: 1}, NewRoom(l, 1), filepath.Join(t.TempDir(), "exam.db"))
			own.Begin(0)
			notExamined(t, own, m)
		})
	}
}

// The bytes are those of the digest, and they are no model that runs: that is so on every machine.
func TestWhatCannotBeRunAnywhereHasNothing(t *testing.T) {
	sick := smallModel(1)
	f, err := gguf.Parse(sick)
	if err != nil {
		t.Fatal(err)
	}
	norm, _ := f.Tensor("output_norm.weight")
	copy(norm.Data, []byte{0, 0, 0xc0, 0x7f}) // NaN; the tensor lies in the file's bytes
	foreign := publishedFile(t, smallModel(1))
	foreign.Template = "nobody's"
	for want, c := range map[string]struct {
		file []byte
		m    Listed
	}{
		"not finite": {sick, publishedFile(t, sick)},
		"nobody's":   {smallModel(1), foreign},
	} {
		t.Run(want, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.gguf")
			put(t, path, c.file)
			room := NewRoom(&Shelf{Fetch: func(context.Context, Listed) (string, error) { return path, nil }}, 1)
			own := course(t, &chain{models: []Listed{c.m}, items: 2}, room, filepath.Join(t.TempDir(), "exam.db"))
			own.Begin(0)
			if own.Work(t.Context()) {
				t.Fatal(own.Progress().LastError)
			}
			tempos, err := own.Tempos(c.m.Digest, 9)
			if err != nil || len(tempos) != 1 || len(tempos[0].Scores) != 2 || tempos[0].Scores[0]+tempos[0].Scores[1] != 0 {
				t.Errorf("filed: %v, %v", tempos, err)
			}
			if reason, err := own.cfg.Store.Fault(c.m); err != nil || !strings.Contains(reason, want) {
				t.Errorf("the reason is %q, %v", reason, err)
			}
		})
	}
}

// counting counts how often a model is asked for that cannot be had.
type counting struct{ tries int }

func (c *counting) Open(context.Context, Listed) (*Specimen, error) {
	c.tries++
	return nil, syscall.EIO
}

// A model of which many tempos are open is tried once, then after pauses that double up to a bound.
func TestPausesBetweenTriesGrowAndAreBounded(t *testing.T) {
	l, m := &counting{}, Listed{Model: frontier.Model{Digest: [32]byte{1}}}
	own, now := course(t, &chain{models: []Listed{m}, items: 1}, NewRoom(l, 1), filepath.Join(t.TempDir(), "exam.db")), time.Now()
	own.clock = func() time.Time { return now }
	own.Begin(20)
	tries := func(d time.Duration) int {
		before := l.tries
		for end := now.Add(d); now.Before(end); now = now.Add(again) {
			if !own.Work(t.Context()) {
				t.Fatal("it counts as examined")
			}
		}
		return l.tries - before
	}
	if !own.Work(t.Context()) || l.tries != 1 {
		t.Fatalf("%d tries at once", l.tries)
	}
	if n, most := tries(longest), int(math.Log2(float64(longest/again)))+1; n < 2 || n > most {
		t.Errorf("%d tries in %v, want at most %d", n, longest, most)
	}
	if n := tries(10 * longest); n < 8 || n > 11 {
		t.Errorf("%d tries in %v", n, 10*longest)
	}
	if p := own.Progress(); p.Behind != 21 || p.Waiting != 1 || !strings.Contains(p.LastError, syscall.EIO.Error()) {
		t.Errorf("%+v", p)
	}
}

// shelves says of each model, by the first byte of its digest, why it cannot be had; nil for a model that can.
type shelves map[byte]error

func (s shelves) Open(_ context.Context, m Listed) (*Specimen, error) {
	if err := s[m.Digest[0]]; err != nil {
		return nil, err
	}
	return library{model: puppet{chat: func(context.Context, *openai.ChatRequest) error { return nil }}}.Open(context.Background(), m)
}

func TestModelsWhoseWeightsNobodyGivesAreCounted(t *testing.T) {
	here := shelves{1: ErrNotHere, 2: nil, 3: ErrNotHere, 4: syscall.EIO}
	c := &chain{items: 1}
	for d := byte(1); d <= 4; d++ {
		c.models = append(c.models, Listed{Model: frontier.Model{Digest: [32]byte{d}, Index: uint32(d), Parameters: 1}})
	}
	own, now := course(t, c, NewRoom(here, 1), filepath.Join(t.TempDir(), "exam.db")), time.Now()
	own.clock = func() time.Time { return now }
	own.Begin(0)
	told := func(absent, waiting, behind int) {
		t.Helper()
		left := own.Work(t.Context())
		if p := own.Progress(); p.Absent != absent || p.Waiting != waiting || p.Behind != behind || left != (behind > 0) || (p.LastError == "") != (behind == 0) {
			t.Errorf("%+v", p)
		}
	}
	told(2, 1, 3)
	told(2, 1, 3) // while all wait
	here[1], now = nil, now.Add(again)
	told(1, 1, 2)
	c.models = c.models[:3] // in the next tempo no card names the last one any more
	own.Begin(1)
	now = now.Add(longest)
	told(1, 0, 2) // in two tempos
	here[3], now = nil, now.Add(longest)
	told(0, 0, 0)
}

// A model is what its publication says of its bytes. Another subnet's publication of the same bytes has no part in it.
func TestAFalsePublicationInOneSubnetIsNothingToAnother(t *testing.T) {
	model := library{model: puppet{chat: func(context.Context, *openai.ChatRequest) error { return nil }}}
	honest := Listed{Model: frontier.Model{Digest: [32]byte{1}, Parameters: 1}}
	lies := honest
	lies.Parameters = 2
	room := NewRoom(model, 1)
	theirs := course(t, &chain{models: []Listed{lies}, items: 1}, room, filepath.Join(t.TempDir(), "exam.db"))
	theirs.Begin(0)
	if theirs.Work(t.Context()) || theirs.Progress().Unsound != 1 {
		t.Fatalf("%+v", theirs.Progress())
	}
	cfg := theirs.cfg
	cfg.NetUID, cfg.Chain = 2, &chain{models: []Listed{honest}, items: 1}
	own := NewCourse(cfg)
	own.Begin(0)
	if own.Work(t.Context()) || own.Progress().Unsound != 0 {
		t.Errorf("%+v", own.Progress())
	}
	if reason, err := cfg.Store.Fault(lies); err != nil || reason == "" {
		t.Errorf("what is false is forgotten: %q, %v", reason, err)
	}
	lies.Parameters, lies.Template = 1, "another"
	first, done1, err1 := room.Lend(t.Context(), honest)
	if err1 != nil {
		t.Fatal(err1)
	}
	done1()
	second, done2, err2 := room.Lend(t.Context(), lies)
	if err2 != nil || first == second {
		t.Fatal("one is lent for the other", err2)
	}
	done2()
	if err := room.Close(); err != nil {
		t.Error(err)
	}
}

// A peer that gives a file byte by byte does not keep the core from other models.
func TestWeightsThatComeSlowlyAreFetchedInPieces(t *testing.T) {
	file := smallModel(1)
	m, path, tries := publishedFile(t, file), filepath.Join(t.TempDir(), "m.gguf"), 0
	put(t, path, file)
	shelf := &Shelf{Within: 20 * time.Millisecond, Fetch: func(ctx context.Context, _ Listed) (string, error) {
		if tries++; tries == 1 {
			<-ctx.Done()
			return "", context.Cause(ctx)
		}
		return path, nil
	}}
	own, now := course(t, &chain{models: []Listed{m}, items: 1}, NewRoom(shelf, 1), filepath.Join(t.TempDir(), "exam.db")), time.Now()
	own.clock = func() time.Time { return now }
	own.Begin(0)
	notExamined(t, own, m)
	now = now.Add(again)
	if own.Work(t.Context()) || !own.board.Has(m.Digest, 0) {
		t.Errorf("not examined once all came: %s", own.Progress().LastError)
	}
}

// Each try may fetch a whole file that turns out to be another one.
func TestModelsWhoseWeightsNobodyGivesAreTriedRarely(t *testing.T) {
	m, tries := Listed{Model: frontier.Model{Digest: [32]byte{1}}}, 0
	shelf := &Shelf{Fetch: func(context.Context, Listed) (string, error) { tries++; return "", ErrNotHere }}
	own, now := course(t, &chain{models: []Listed{m}, items: 1}, NewRoom(shelf, 1), filepath.Join(t.TempDir(), "exam.db")), time.Now()
	own.clock = func() time.Time { return now }
	own.Begin(0)
	for end := now.Add(time.Hour); now.Before(end); now = now.Add(again) {
		own.Work(t.Context())
	}
	if tries < 8 || tries > 16 {
		t.Errorf("%d tries in an hour", tries)
	}
}
