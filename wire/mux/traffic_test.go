package mux

import (
	"bytes"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"sync"
	"testing"
)

// TestRandomTrafficArrivesAsItWasSent opens many streams at once, echoes on each what comes, in pieces of all sizes, and half-closes.
func TestRandomTrafficArrivesAsItWasSent(t *testing.T) {
	eachPairing(t, Config{MaxIncoming: 1000}, func(t *testing.T, opens, accepts end) {
		go echo(accepts)
		var all sync.WaitGroup
		failed := make(chan error, 100)
		for seed := range uint64(100) {
			all.Go(func() {
				if err := converse(opens, mrand.New(mrand.NewPCG(seed, 1))); err != nil {
					failed <- fmt.Errorf("seed %d: %w", seed, err)
				}
			})
		}
		all.Wait()
		close(failed)
		for err := range failed {
			t.Error(err)
		}
	})
}

// echo says on each stream what comes on it, until the session ends.
func echo(accepts end) {
	for {
		st, err := accepts.accept()
		if err != nil {
			return
		}
		go func() {
			defer st.Close()
			_, _ = io.Copy(st, st)
		}()
	}
}

// converse sends up to half a megabyte over a stream of its own and reads it back.
func converse(opens end, r *mrand.Rand) error {
	st, err := opens.open()
	if err != nil {
		return err
	}
	defer st.Close()
	sent := make([]byte, 1<<r.IntN(20))
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	wrote := make(chan error, 1)
	pieces := mrand.New(mrand.NewPCG(r.Uint64(), 2))
	go func() {
		for p := sent; len(p) > 0; {
			n := min(len(p), 1+pieces.IntN(1<<pieces.IntN(18)))
			if _, err := st.Write(p[:n]); err != nil {
				wrote <- err
				return
			}
			p = p[n:]
		}
		wrote <- st.CloseWrite()
	}()
	got, err := io.ReadAll(st)
	if err != nil {
		return err
	}
	if err := <-wrote; err != nil {
		return err
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("%d bytes came back of %d", len(got), len(sent))
	}
	return nil
}
