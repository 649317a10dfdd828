package shelf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agora/task"
	"agora/task/wasm"
)

func sums(t *testing.T) ([]byte, wasm.Digest) {
	t.Helper()
	code, err := os.ReadFile("../kit/sums/sums.wasm")
	if err != nil {
		t.Fatal(err)
	}
	return code, wasm.DigestOf(code)
}

func open(t *testing.T, b Budget) *Shelf {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), Client: http.DefaultClient, Budget: b})
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

func serve(t *testing.T, s *Shelf, wanted ...wasm.Digest) string {
	server := httptest.NewServer(s.Handler(func(d wasm.Digest) bool {
		for _, w := range wanted {
			if w == d {
				return true
			}
		}
		return false
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// Who asks a validator for a module's source reads what it carries; one that carries none has none to show.
func TestAModulesSourceIsServed(t *testing.T) {
	bare, without := sums(t)
	code, err := wasm.WithSource(bare, []wasm.File{{Name: "sums.ts", Text: "export const a = 1;\n"}, {Name: "b.ts", Text: "// <b>"}})
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Budget{})
	for _, c := range [][]byte{bare, code} {
		if err := s.Put(wasm.DigestOf(c), bytes.NewReader(c)); err != nil {
			t.Fatal(err)
		}
	}
	at := serve(t, s) + strings.TrimPrefix(Path, "/")
	for path, want := range map[string]string{
		wasm.DigestOf(code).String() + SourcePath: "200 text/plain; charset=utf-8 -- sums.ts --\nexport const a = 1;\n-- b.ts --\n// <b>\n",
		without.String() + SourcePath:             "404 text/plain; charset=utf-8 there is no such module here, or it carries no source\n",
		strings.Repeat("0", 64) + SourcePath:      "404 text/plain; charset=utf-8 there is no such module here, or it carries no source\n",
	} {
		resp, err := http.Get(at + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprintf("%d %s %s", resp.StatusCode, resp.Header.Get("Content-Type"), body); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

// An owner gives a module to one validator; the others fetch it from each other.
func TestModulesTravelByDigest(t *testing.T) {
	code, d := sums(t)
	first, second := open(t, Budget{}), open(t, Budget{})
	at := serve(t, first, d)
	put := func(path string, body []byte) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at+strings.TrimPrefix(Path, "/")+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	other := wasm.DigestOf([]byte("other"))
	for _, c := range []struct {
		path string
		body []byte
		want int
	}{
		{"x", code, 400},
		{other.String(), []byte("other"), 403},
		{d.String(), []byte("lie"), 422},
		{d.String(), code, 201},
		{d.String(), code, 204},
	} {
		if got := put(c.path, c.body); got != c.want {
			t.Errorf("PUT %.8s: %d, want %d", c.path, got, c.want)
		}
	}
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("other")) }))
	defer liar.Close()
	if err := second.Fetch(t.Context(), d, []string{liar.URL + "/file.wasm"}); !errors.Is(err, ErrOther) || second.Has(d) {
		t.Errorf("from a liar: %v", err)
	}
	if err := second.Fetch(t.Context(), d, []string{"", liar.URL + "/", at}); err != nil {
		t.Fatal(err)
	}
	loaded, err := second.Load(t.Context(), d)
	if err != nil || loaded.Description().Name != "sums" {
		t.Errorf("%v %v", loaded, err)
	}
	if err := second.Fetch(t.Context(), other, []string{at}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "404") {
		t.Errorf("what nobody has: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(second.cfg.Dir, "part-*")); len(files) > 0 {
		t.Errorf("parts are left: %v", files)
	}
}

func TestAChangedFileIsNotRun(t *testing.T) {
	code, d := sums(t)
	s := open(t, Budget{})
	if err := s.Put(d, bytes.NewReader(code)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.file(d), code[:len(code)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), d); !errors.Is(err, ErrOther) {
		t.Error(err)
	}
}

func TestASpentBudgetGivesNoItem(t *testing.T) {
	code, d := sums(t)
	s := open(t, Budget{Items: 3})
	if err := s.Put(d, bytes.NewReader(code)); err != nil {
		t.Fatal(err)
	}
	loaded, err := s.Load(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	var told error
	family := loaded.Family(func(err error) { told = err })
	for i := range uint64(4) {
		if item := family.Item(task.Seed{}, i); (item.Path != "") != (i < 3) {
			t.Errorf("item %d: %q", i, item.Path)
		}
	}
	if !errors.Is(told, ErrSpent) {
		t.Error(told)
	}
}

func TestPurseFillsWithTheClock(t *testing.T) {
	p := newPurse(Budget{Processor: 0.5, Items: 60})
	now := time.Unix(0, 0)
	if err := p.open(now, wasm.Cost{}); err != nil {
		t.Fatal(err)
	}
	if err := p.open(now, wasm.Cost{Time: 11 * time.Second}); !errors.Is(err, ErrSpent) {
		t.Errorf("11 s of a saved 10 s: %v", err)
	}
	if err := p.open(now.Add(3*time.Second), wasm.Cost{Time: 11 * time.Second}); err != nil {
		t.Errorf("3 s later: %v", err)
	}
}

// yes answers every question.
type yes struct{}

func (yes) Ask(context.Context, [32]byte, []byte) ([]byte, error) { return []byte("yes"), nil }

// What a score asked models is kept, hidden while its item may be asked, given to everybody then, and gives the score again.
func TestEvidenceIsKeptHiddenAndGiven(t *testing.T) {
	code, err := os.ReadFile("../wasm/testdata/judge.wasm")
	if err != nil {
		t.Fatal(err)
	}
	d := wasm.DigestOf(code)
	for hidden, want := range map[time.Duration]int{time.Hour: 0, time.Nanosecond: evidenceGiven} {
		s, err := Open(t.Context(), Config{Dir: t.TempDir(), Ask: yes{}, Hidden: hidden})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.kept.db.NoSync = true // no power fails here
		if err := s.Put(d, bytes.NewReader(code)); err != nil {
			t.Fatal(err)
		}
		m, err := s.Load(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		item := m.Family(nil).Item(task.Seed{}, 0)
		for range evidenceKept + 3 {
			if score, err := item.Score([]byte("kind")); score != 1 || err != nil {
				t.Fatal(score, err)
			}
		}
		server := httptest.NewServer(s.Handler(func(wasm.Digest) bool { return false }))
		defer server.Close()
		list, err := FetchEvidence(t.Context(), http.DefaultClient, server.URL, d)
		if err != nil || len(list) != want {
			t.Fatalf("hidden for %v: %d of evidence, want %d: %v", hidden, len(list), want, err)
		}
		for _, e := range list {
			if err := e.Check(t.Context(), m.Module); err != nil {
				t.Fatal(err)
			}
			e.Score = 0.5
			if err := e.Check(t.Context(), m.Module); !errors.Is(err, ErrDiffers) {
				t.Fatalf("a forged score: %v", err)
			}
		}
	}
}

// A task that asks models too often gives no more items until its budget fills again.
func TestQuestionsToModelsAreBudgeted(t *testing.T) {
	p := newPurse(Budget{Asks: 3})
	now := time.Unix(0, 0)
	if err := p.open(now, wasm.Cost{Asks: 2}); err != nil {
		t.Errorf("2 of 3: %v", err)
	}
	if err := p.open(now, wasm.Cost{Asks: 4}); !errors.Is(err, ErrSpent) {
		t.Errorf("4 of 3: %v", err)
	}
	if err := p.open(now.Add(time.Minute), wasm.Cost{Asks: 4}); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestMemoryBoundsTheCallsUnderWay(t *testing.T) {
	for memory, want := range map[int]int{0: 2, 1: 1, 64: 1, 200: 3, 1 << 20: 8} {
		if got := (Budget{Memory: memory}).WithDefaults().calls(); got != want {
			t.Errorf("%d MiB: %d calls, want %d", memory, got, want)
		}
	}
}
