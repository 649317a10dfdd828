package train

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// checkpoint is a run on disk.
type checkpoint struct {
	Rung    Rung
	State   state
	Weights [][]float32
	First   [][]float32 // moments of the optimizer
	Second  [][]float32
}

// checkpointEvery is how much work a kill may cost.
const checkpointEvery = time.Minute

// resume goes on from the checkpoint at path, where there is one, and returns what keeps one: when it is time, or at once. An
// empty path keeps none.
func (t *run) resume(path string) (keep func(now bool) error, err error) {
	if path == "" {
		return func(bool) error { return nil }, nil
	}
	if err := t.read(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("checkpoint %s: %w; remove it to begin anew", path, err)
	}
	last := time.Now()
	return func(now bool) error {
		if !now && time.Since(last) < checkpointEvery {
			return nil
		}
		last = time.Now()
		return t.write(path)
	}, nil
}

// write replaces the checkpoint whole, so that a kill at any moment leaves the old one or the new one.
func (t *run) write(path string) error {
	c := checkpoint{Rung: t.rung, State: t.state}
	for _, p := range t.model.all {
		c.Weights, c.First, c.Second = append(c.Weights, p.w), append(c.First, p.m), append(c.Second, p.s)
	}
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	if err := errors.Join(gob.NewEncoder(f).Encode(c), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (t *run) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var c checkpoint
	if err := gob.NewDecoder(f).Decode(&c); err != nil {
		return err
	}
	if c.Rung.Shape != t.rung.Shape || c.Rung.Seed != t.rung.Seed || len(c.State.Running) != len(t.Running) {
		return errors.New("it is of another rung")
	}
	for i, p := range t.model.all {
		for _, v := range []struct{ to, from [][]float32 }{{[][]float32{p.w}, c.Weights}, {[][]float32{p.m}, c.First}, {[][]float32{p.s}, c.Second}} {
			if i >= len(v.from) || len(v.from[i]) != len(v.to[0]) {
				return errors.New("its tensors are of other sizes")
			}
			copy(v.to[0], v.from[i])
		}
	}
	t.state = c.State
	return nil
}
