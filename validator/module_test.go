package validator

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/miner"
	"agora/scenario/stage"
	"agora/task"
	"agora/task/shelf"
	"agora/task/wasm"
	"agora/validator/exam"
)

// fetched are modules that are got from another shelf when a subnet names them.
type fetched struct {
	t     *testing.T
	shelf *shelf.Shelf
	from  string
	next  task.Family

	mu   sync.Mutex
	told error
}

func (f *fetched) Family(s subnettypes.Subnet) (task.Family, bool) {
	d, err := shelf.ParseDigest(s.Mechanism.Digest)
	if err != nil {
		return nil, false
	}
	if !f.shelf.Has(d) {
		if err := f.shelf.Fetch(f.t.Context(), d, []string{f.from}); err != nil {
			return nil, false
		}
	}
	m, err := f.shelf.Load(f.t.Context(), d)
	if err != nil {
		f.t.Error(err)
		return nil, false
	}
	return m.Family(func(err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.told = err
	}), true
}

// Task implements Modules for open models.
func (f *fetched) Task(_ uint32, digest string) (exam.Task, error) {
	d, err := shelf.ParseDigest(digest)
	if err != nil {
		return nil, err
	}
	m, err := f.shelf.Load(f.t.Context(), d)
	if err != nil {
		return nil, err
	}
	return m.Examiner()
}

// Next is a task whose every score is a half.
func (f *fetched) Next(subnettypes.Subnet) (task.Family, bool) { return f.next, f.next != nil }

func openShelf(t *testing.T) *shelf.Shelf {
	t.Helper()
	s, err := shelf.Open(t.Context(), shelf.Config{Dir: t.TempDir(), Client: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A market whose task is a module of AssemblyScript: two validators fetch it by its digest, judge a good model, a bad one and none,
// and the chain pays in that order within five epochs.
func TestAModulesMarketPaysInTheOrderOfQuality(t *testing.T) {
	code, err := os.ReadFile("../task/kit/sums/sums.wasm")
	if err != nil {
		t.Fatal(err)
	}
	digest := wasm.DigestOf(code)
	s, err := stage.Open(stage.Plan{
		ChainID: chainID, Validators: 2, Miners: 3, Tempo: 10, RevealDelay: 1,
		Subnets: []stage.Subnet{{Name: "sums", Family: subnettypes.TaskModule, Digest: "sha256:" + digest.String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	owner := openShelf(t)
	if err := owner.Put(digest, bytes.NewReader(code)); err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(owner.Handler(func(wasm.Digest) bool { return false }))
	t.Cleanup(source.Close)
	live(t, s, 400*time.Millisecond)
	models := ladder.Names() // weakest first
	handlers := []http.Handler{chatServer(t, models[len(models)-1]), chatServer(t, models[0]), handler(t, "canned")}
	for n := range 2 {
		v := startWith(t, s, n, t.TempDir(), io.Discard, &fetched{t: t, shelf: openShelf(t), from: source.URL + "/"})
		for i, h := range handlers {
			serve(t, i, v, n, h)
		}
	}
	c := client.New(s, chainID)
	wait(t, func() bool {
		graph, err := c.Metagraph(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		earned := func(i int) uint32 { return graph.Uids[2+i].Incentive }
		return earned(0) > earned(1) && earned(1) >= earned(2) && earned(2) == 0
	})
}

func chatServer(t *testing.T, model string) http.Handler {
	t.Helper()
	e, err := ladder.Open(model, llm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() }) // it was read only
	return miner.NewServer(e, miner.Options{})
}
