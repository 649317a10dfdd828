package shelf

import (
	"bytes"
	"errors"
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
	if err := p.open(now, 0); err != nil {
		t.Fatal(err)
	}
	if err := p.open(now, 11*time.Second); !errors.Is(err, ErrSpent) {
		t.Errorf("11 s of a saved 10 s: %v", err)
	}
	if err := p.open(now.Add(3*time.Second), 11*time.Second); err != nil {
		t.Errorf("3 s later: %v", err)
	}
}
