package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero"
)

// Description is what a module says of itself.
type Description struct {
	Name    string `json:"name"`              // lower-case letters, digits and hyphens, 3 to 32
	About   string `json:"about"`             // one or two sentences for people
	Version string `json:"version,omitempty"` // the author's own count
	Source  string `json:"source,omitempty"`  // where its source can be read
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{2,31}$`)

// instances is how many calls of one module run at once where AtOnce does not say otherwise; each needs up to 64 MiB.
const instances = 2

// AtOnce sets how many calls run at once. No call may be under way.
func (m *Module) AtOnce(calls int) { m.room = make(chan struct{}, max(1, calls)) }

// Module is a task that runs. It is safe for concurrent use.
type Module struct {
	host     *Host
	digest   Digest
	compiled wazero.CompiledModule
	names    []string // of the exported globals
	asks     bool
	source   []File
	about    Description
	image    image
	room     chan struct{} // calls under way

	mu   sync.Mutex
	idle []*instance
	cost Cost
}

// Cost is what a module's calls took on this machine.
type Cost struct {
	Calls  uint64
	Fuel   uint64        // instructions; the same on every machine
	Time   time.Duration // without the time that it waited for models
	Failed uint64
	Items  uint64
	Scores uint64
	Asks   uint64 // questions to models
}

// Digest names the module.
func (m *Module) Digest() Digest { return m.digest }

// Description is what the module says of itself.
func (m *Module) Description() Description { return m.about }

// Source is what the module carries of its source; nil where it carries none.
func (m *Module) Source() []File { return m.source }

// Asks says that the module can ask models.
func (m *Module) Asks() bool { return m.asks }

// Cost is what the module's calls took since it was loaded.
func (m *Module) Cost() Cost {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cost
}

// Memory is how many bytes of memory an instance of the module begins with. The module keeps a copy of as many; instances over a mapped
// image add only what they write.
func (m *Module) Memory() int { return m.image.size }

// Close ends the module's instances. No call may be under way.
func (m *Module) Close(ctx context.Context) error {
	m.host.hold(m, false)
	m.mu.Lock()
	defer m.mu.Unlock()
	var err error
	for _, in := range m.idle {
		err = errors.Join(err, in.close(ctx))
	}
	m.idle = nil
	return errors.Join(err, m.image.close(), m.compiled.Close(ctx))
}

// start runs _initialize, keeps what it leaves as the image of every later call, and asks the module what it is.
func (m *Module) start(ctx context.Context) error {
	in, err := m.instantiate(ctx, nil)
	if err != nil {
		return err
	}
	if in.module.ExportedFunction(initialize) != nil {
		if _, err := in.run(ctx, newWorld(), StartFuel, initialize); err != nil {
			return errors.Join(err, in.close(ctx))
		}
	}
	m.image = in.snapshot(m.host.mapFrom)
	if err := in.close(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrHost, err)
	}
	return m.describe(ctx)
}

func (m *Module) describe(ctx context.Context) error {
	out, err := m.call(ctx, "agora_describe", MaxDescription)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, &m.about); err != nil {
		return fmt.Errorf("%w: its description is not JSON: %w", ErrModule, err)
	}
	if !namePattern.MatchString(m.about.Name) {
		return fmt.Errorf("%w: its name %q is not 3 to 32 lower-case letters, digits and hyphens", ErrModule, m.about.Name)
	}
	for _, text := range []string{m.about.About, m.about.Version, m.about.Source} {
		if !utf8.ValidString(text) || len(text) > 512 {
			return fmt.Errorf("%w: a text of its description is longer than 512 bytes or not UTF-8", ErrModule)
		}
	}
	return nil
}

// call runs one function from the image with these arguments (an integer, or bytes that are put into the module's memory) and
// returns the bytes that it points to, a copy of at most limit.
func (m *Module) call(ctx context.Context, name string, limit int, args ...any) ([]byte, error) {
	out, _, err := m.callIn(ctx, newWorld(), name, limit, args...)
	return out, err
}

func (m *Module) callIn(ctx context.Context, w *world, name string, limit int, args ...any) ([]byte, uint64, error) {
	select {
	case m.room <- struct{}{}:
		defer func() { <-m.room }()
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("%w: %w", ErrHost, ctx.Err())
	}
	began := time.Now()
	in, err := m.take(ctx)
	if err != nil {
		return nil, 0, err
	}
	out, fuel, err := in.bytes(ctx, w, name, limit, args)
	m.give(ctx, in, err)
	m.mu.Lock()
	m.cost.Calls++
	m.cost.Fuel += fuel
	m.cost.Time += time.Since(began) - w.asked.waited
	m.cost.Asks += uint64(len(w.asked.list))
	switch name {
	case "agora_item":
		m.cost.Items++
	case "agora_score":
		m.cost.Scores++
	}
	if err != nil {
		m.cost.Failed++
	}
	m.mu.Unlock()
	return out, fuel, err
}

// take gets an instance in the state of the image.
func (m *Module) take(ctx context.Context) (*instance, error) {
	m.mu.Lock()
	var in *instance
	if n := len(m.idle); n > 0 {
		in, m.idle = m.idle[n-1], m.idle[:n-1]
	}
	m.mu.Unlock()
	if in == nil {
		var err error
		if in, err = m.another(ctx); err != nil {
			return nil, err
		}
	}
	if err := in.restore(&m.image); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrHost, err), in.close(ctx))
	}
	return in, nil
}

// another makes an instance as large as the image.
func (m *Module) another(ctx context.Context) (*instance, error) {
	var v *view
	if m.image.pages != nil {
		var err error
		if v, err = m.image.pages.view(); err != nil {
			return nil, fmt.Errorf("%w: no memory for it: %w", ErrHost, err)
		}
	}
	in, err := m.instantiate(ctx, v)
	if err != nil {
		return nil, err
	}
	if grown := (m.image.size - int(in.memory().Size())) / pageSize; grown > 0 {
		if _, ok := in.memory().Grow(uint32(grown)); !ok {
			return nil, errors.Join(fmt.Errorf("%w: no memory for it", ErrHost), in.close(ctx))
		}
	}
	return in, nil
}

// give keeps an instance for the next call, unless the machine failed under it or its memory has grown, which cannot be undone. What
// the module did wrong is undone with all else.
func (m *Module) give(ctx context.Context, in *instance, failed error) {
	if (failed == nil || !errors.Is(failed, ErrHost)) && int(in.memory().Size()) == m.image.size {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.idle = append(m.idle, in)
		return
	}
	in.close(ctx) // what it held is free either way
}
