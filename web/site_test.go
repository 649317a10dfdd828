package web

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stage is a Source whose market a test moves.
type stage struct {
	mu    sync.Mutex
	snap  Snapshot
	err   error
	asked int

	exams  map[string]*Exam // by digest
	looked int              // questions about a model
}

func (s *stage) Snapshot(context.Context) (*Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.err != nil {
		return nil, s.err
	}
	snap := s.snap
	return &snap, nil
}

func (s *stage) Exam(_ context.Context, _ uint32, digest string) (*Exam, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked++
	return s.exams[digest], s.err
}

func (s *stage) change(f func(*Snapshot)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.snap)
}

func (s *stage) break_(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

const peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

// market is a small one with a hostile model name in it.
func market() Snapshot {
	miners := func(models ...string) []Miner {
		var out []Miner
		for i, m := range models {
			share := []float64{0.61, 0.22, 0.11, 0.05, 0.01, 0}[i]
			out = append(out, Miner{
				UID: uint32(i), HotKey: peer, Owner: "agora1qyqszqgpqyqszqgpqyqszqgpqyqszqgp", Model: m, Engine: "native",
				Incentive: share, Emission: uint64(share * 3.1e9), Income: uint64(share * 5e9), Connected: i != 4, PriceIn: 52_500_000, PriceOut: 210_000_000, CardIn: 50_000_000, CardOut: 200_000_000,
				Score: &Score{Value: 0.9 - float64(i)*0.15, Low: 0.86 - float64(i)*0.15, High: 0.93 - float64(i)*0.15, Items: 412, Service: 1, Ready: true, Tier: i},
			})
		}
		out[len(out)-1].Score = nil
		return out
	}
	voices := []Voice{{NetUID: 1, UID: 6, Trust: 1, Dividends: .25, Active: true}, {NetUID: 2, UID: 3, Trust: .98, Dividends: .25, Active: true}}
	var validators []Validator
	for _, name := range []string{"Athens", "Corinth", "Rhodes", "Thebes"} {
		validators = append(validators, Validator{
			Name: name, Operator: "agora1xyzxyzxyzxyzxyzxyzxyzxyzxyzxyzq2", Stake: 250_000e9, Share: .25, Commission: .1, Voices: voices, Gateway: "http://127.0.0.1/v1", Markup: uint64(100 * len(name)),
		})
	}
	return Snapshot{
		ChainID: "agora-local-7", Height: 1204, BlockTime: time.Now(),
		Ledger: Ledger{Minted: 100_333_333_333, Paid: 81e9, Pending: 18e9, Burned: 1_333_333_333, PerDay: 7200e9, Issuance: 1_000_100e9, Bonded: 1_000_000e9},
		Subnets: []Subnet{
			{
				NetUID: 1, Name: "chat", Task: "exact", Kind: KindChat, Started: true, Epoch: 118, NextEpoch: 1210, Tempo: 10, Share: .5, Rank: "chain",
				Description: "Short questions with one right answer.", Claimed: 12_500_000_000, Demand: 250_000_001,
				Miners: miners("chat-xl", "chat-l", "chat-m", "chat-s", "<script>alert(1)</script>", "canned"),
			},
			{
				NetUID: 2, Name: "continuation", Task: "continuation", Kind: KindCompletion, Started: true, Epoch: 117, NextEpoch: 1208, Tempo: 10, Share: .5, Rank: "own",
				Description: "How likely is the next byte of a text nobody has seen?", Miners: miners("ngram-6", "ngram-4", "ngram-2"),
			},
		},
		Validators: validators,
	}
}

func open(t *testing.T, s Source, opt Options) *httptest.Server {
	srv := httptest.NewServer(New(s, opt))
	t.Cleanup(srv.Close)
	return srv
}

func get(t *testing.T, url string, change ...func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for _, c := range change {
		c(r)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func TestPagesAreWholeWithoutScript(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{})
	for path, want := range map[string][]string{
		"/":                     {"1,204", "7,200", "100.333", "chat-xl", "61.0 %", "continuation", "Athens", "12D3KooW…6iDEp", "not judged yet"},
		"/subnets/1":            {"chat-xl", "the next in <b class=\"num\">6</b> blocks", "90.0 %", "412"},
		"/subnets/continuation": {"ngram-6", "own scores until the first epoch"},
		"/validators":           {"Rhodes", "250,000", "98.0 %", "judging"},
		"/money":                {"12.5", "0.250000001", "0.0525", "per million tokens", "0.053 / 0.212", "0.0535 / 0.214"},
		"/try":                  {"chat: the best miner", "curl " + srv.URL},
	} {
		resp, body := get(t, srv.URL+path)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		for _, text := range want {
			require.Contains(t, body, text, path)
		}
		require.Contains(t, body, "</html>", path)
	}
}

// What somebody wrote judges money: its page says which module it is, where its file and source are, and what follows it.
func TestASubnetsPageShowsItsModule(t *testing.T) {
	snap := market()
	snap.Subnets[0].Module = &Module{
		Digest: "sha256:ab", Name: "rivers", Source: "<b>source</b>", About: "Names rivers.", Items: 4242, Scores: 8484, Asks: 77, Failed: 1, MeanMS: .25, Judges: []string{"agora1judge"},
		Files: []File{{"main.go", "package <main>"}, {"words.go", strings.Repeat("x", shownSource)}},
		Tried: []Tried{{UID: 3, Items: 12, Mean: .75}}, Next: "sha256:cd", NextAt: time.Unix(1_800_000_000, 0),
	}
	srv := open(t, &stage{snap: snap}, Options{})
	_, body := get(t, srv.URL+"/subnets/1")
	for _, text := range []string{"rivers", `href="/v1/tasks/ab"`, "sha256:ab", "4242", "8484", "0.25", "&lt;b&gt;source", "Names rivers.", "agora1judge", "uid 3", "0.75", "of 12 items", `/v1/tasks/ab/evidence`, "77", `href="/v1/tasks/ab/source"`, "<summary>main.go</summary>", "package &lt;main&gt;", "sha256:cd", "2027-01-15 08:00"} {
		require.Contains(t, body, text)
	}
	require.NotContains(t, body, "words.go", "what makes the page too large is not on it")
	snap.Subnets[0].Module.Problem, snap.Subnets[0].Module.Files = "nobody has it", nil
	_, body = get(t, open(t, &stage{snap: snap}, Options{}).URL+"/subnets/1")
	require.Contains(t, body, "It does not judge here: nobody has it")
	require.NotContains(t, body, "/source", "a module that carries none")
}

func TestModelNamesCannotBecomeMarkup(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{})
	resp, body := get(t, srv.URL)
	require.NotContains(t, body, "<script>alert")
	require.Contains(t, body, "&lt;script&gt;alert(1)")
	csp := resp.Header.Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'")
	require.NotContains(t, csp, "unsafe")
	require.NotRegexp(t, `(?i)\son[a-z]+=|style=|https?://(?:[^1]|1[^2])`, body, "no inline script or style, nothing from other servers")
}

func TestTablesAreAlsoJSON(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{})
	for _, path := range []string{"/?format=json", "/network.json"} {
		_, body := get(t, srv.URL+path)
		var got Snapshot
		require.NoError(t, json.Unmarshal([]byte(body), &got), path)
		require.EqualValues(t, 1204, got.Height)
		require.Len(t, got.Subnets, 2)
	}
	for _, path := range []string{"/subnets/1?format=json", "/subnets/1.json", "/subnets/chat.json"} {
		_, body := get(t, srv.URL+path)
		var got Subnet
		require.NoError(t, json.Unmarshal([]byte(body), &got), path)
		require.Equal(t, "chat-xl", got.Miners[0].Model)
		require.Equal(t, 412, got.Miners[0].Score.Items)
	}
	for _, path := range []string{"/validators?format=json", "/validators.json"} {
		_, body := get(t, srv.URL+path)
		var got []Validator
		require.NoError(t, json.Unmarshal([]byte(body), &got), path)
		require.Len(t, got, 4)
	}
}

func TestBestMinerStandsFirst(t *testing.T) {
	s := &stage{snap: market()}
	m := s.snap.Subnets[0].Miners
	m[0], m[3] = m[3], m[0]
	srv := open(t, s, Options{})
	_, body := get(t, srv.URL+"/subnets/1")
	at := -1
	for _, model := range []string{"chat-xl", "chat-l", "chat-m", "chat-s", "canned"} {
		i := strings.Index(body, `title="`+model+`: why it is here">`)
		require.Greater(t, i, at, model)
		at = i
	}
}

// A miner's card names its weights: the board and the miner's page show what it says.
func TestAMinersWeightsAreNamed(t *testing.T) {
	s := &stage{snap: market()}
	digest := "sha256:" + strings.Repeat("5e", 32)
	s.snap.Subnets[0].Miners[1].Digest = digest
	srv := open(t, s, Options{})
	_, board := get(t, srv.URL+"/subnets/1")
	require.Contains(t, board, ", "+digest+`: why it is here">`)
	_, page := get(t, srv.URL+"/subnets/1/miners/1")
	require.Contains(t, page, "<code>"+digest+"</code>")
	_, other := get(t, srv.URL+"/subnets/1/miners/0")
	require.NotContains(t, other, "names the weights")
}

func TestManyVisitorsAskTheSourceOnce(t *testing.T) {
	s := &stage{snap: market()}
	srv := open(t, s, Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { get(t, srv.URL) })
	}
	wg.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.LessOrEqual(t, s.asked, 3)
}

func TestPlotsFillWhileNobodyLooks(t *testing.T) {
	s := &stage{snap: market()}
	site := New(s, Options{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { site.Run(ctx); close(done) }()
	require.Eventually(t, func() bool {
		site.mu.Lock()
		defer site.mu.Unlock()
		return len(site.history.samples) == 1
	}, 5*time.Second, time.Millisecond)
	stop()
	<-done
}

func TestUnreadableChainIsSaid(t *testing.T) {
	s := &stage{err: errors.New("secret address refused")}
	srv := open(t, s, Options{})
	resp, body := get(t, srv.URL)
	require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode)
	require.Equal(t, "2", resp.Header.Get("Retry-After"))
	require.Contains(t, body, "cannot be read yet")
	require.NotContains(t, body, "secret")
}

func TestLastMarketStaysWithAWarning(t *testing.T) {
	s := &stage{snap: market()}
	site := New(s, Options{})
	_, err := site.snapshot(t.Context())
	require.NoError(t, err)
	s.break_(errors.New("gone"))
	site.tried = time.Time{}
	v, err := site.snapshot(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1204, v.Height)
	require.Contains(t, v.Stale, "cannot be read")
	s.break_(nil)
	s.change(func(n *Snapshot) { n.BlockTime = time.Now().Add(-2 * time.Minute) })
	site.tried = time.Time{}
	v, err = site.snapshot(t.Context())
	require.NoError(t, err)
	require.Contains(t, v.Stale, "2 min old")
}

func TestUnknownPagesSayWhereToGo(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{})
	for _, path := range []string{"/nowhere", "/subnets/9", "/subnets/x.json", "/static/../site.go", "/static/vendored/README.md"} {
		resp, _ := get(t, srv.URL+path)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
	}
}

func TestOtherNamesForLoopbackAreRefused(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{DemoKey: "agora-demo", Hosts: []string{"agora.example"}})
	resp, body := get(t, srv.URL, func(r *http.Request) { r.Host = "rebound.example" })
	require.Equal(t, http.StatusMisdirectedRequest, resp.StatusCode)
	require.NotContains(t, body, "agora-demo")
	for _, host := range []string{"localhost", "localhost:80", "127.0.0.1:1", "[::1]:80", "agora.example"} {
		resp, body = get(t, srv.URL, func(r *http.Request) { r.Host = host })
		require.Equal(t, http.StatusOK, resp.StatusCode, host)
		require.Contains(t, body, "agora-demo")
	}
}

func TestAssetsAreKeptByTheirContent(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{})
	resp, _ := get(t, srv.URL+assetURL("style.css"))
	require.Contains(t, resp.Header.Get("Cache-Control"), "immutable")
	require.Equal(t, "text/css; charset=utf-8", resp.Header.Get("Content-Type"))
	resp, _ = get(t, srv.URL+"/static/style.css?v=old")
	require.Equal(t, "no-cache", resp.Header.Get("Cache-Control"))
	etag := resp.Header.Get("ETag")
	resp, body := get(t, srv.URL+"/static/style.css", func(r *http.Request) { r.Header.Set("If-None-Match", etag) })
	require.Equal(t, http.StatusNotModified, resp.StatusCode)
	require.Empty(t, body)
}

func TestFirstVisitIsSmall(t *testing.T) {
	srv := open(t, &stage{snap: market()}, Options{})
	_, body := get(t, srv.URL)
	total := len(body)
	for _, name := range []string{"vendored/htmx.min.js", "vendored/uPlot.iife.min.js", "vendored/uPlot.min.css", "style.css", "live.js", "ask.js", "mark.svg"} {
		require.Contains(t, body, strings.ReplaceAll(assetURL(name), "&", "&amp;"))
		total += len(assets[name].body)
	}
	require.Less(t, total, 200<<10)
}

func TestVendoredFilesAreTheRecordedOnes(t *testing.T) {
	f, err := os.Open("static/vendored/SHA256SUMS")
	require.NoError(t, err)
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		want, name, ok := strings.Cut(lines.Text(), "  ")
		require.True(t, ok)
		body, err := os.ReadFile("static/vendored/" + name)
		require.NoError(t, err)
		sum := sha256.Sum256(body)
		require.Equal(t, want, hex.EncodeToString(sum[:]), name)
	}
	require.Equal(t, 3, n)
}

// Whatever a browser asks for, the answer is one of ours.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"/", "/subnets/1.json", "/subnets/%2e%2e/x", "/static/style.css", "/try?format=json", "//x", "/subnets/18446744073709551617"} {
		f.Add(seed, "localhost", "")
	}
	site := New(&stage{snap: market()}, Options{})
	f.Fuzz(func(t *testing.T, path, host, etag string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		before, query, _ := strings.Cut(path, "?")
		r.URL.Path, r.URL.RawQuery, r.Host = "/"+strings.TrimPrefix(before, "/"), query, host
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%q: status %d", path, w.Code)
		}
		require.NotEmpty(t, w.Header().Get("Content-Security-Policy"))
	})
}

func TestAMinerFindsItsLineWithReasons(t *testing.T) {
	snap := market()
	copied := uint32(1)
	slow := snap.Subnets[0].Miners[2].Score
	slow.Service, slow.CopyOf = .4, &copied
	snap.Subnets[0].Miners[3].Score.Ready = false
	srv := open(t, &stage{snap: snap}, Options{})
	for _, c := range []struct{ path, want string }{
		{"/subnets/1/miners/2", "shares that one&#39;s place"},
		{"/subnets/1/miners/2", "service counts 40.0 %"},
		{"/subnets/1/miners/1", "Ahead of it is uid 0, chat-xl"},
		{"/subnets/1/miners/3", "its weight is 0"},
		{"/subnets/1/miners/4", "not connected to this gateway"},
		{"/subnets/1/miners/5", "has not judged it yet"},
		{"/subnets/1/miners?q=chat-l", "Place <b class=\"num\">2</b> of 6"},
		{"/subnets/chat/miners?q=5", "Place <b class=\"num\">6</b> of 6"},
		{"/subnets/1/miners/1.json", "\"rank\": 2"},
	} {
		resp, text := get(t, srv.URL+c.path)
		if resp.StatusCode != http.StatusOK || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d, want %q in:\n%s", c.path, resp.StatusCode, c.want, text)
		}
	}
	for _, path := range []string{"/subnets/1/miners/99", "/subnets/1/miners/x", "/subnets/1/miners?q=", "/subnets/1/miners?q=nobody", "/subnets/9/miners/1"} {
		if resp, _ := get(t, srv.URL+path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
