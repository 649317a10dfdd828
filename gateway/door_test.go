package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func packed(t *testing.T, text string, kind string) string {
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if kind == "deflate" {
		w = zlib.NewWriter(&b)
	}
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestBodiesComeInEveryDress(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.MaxBody = 4096 })
	m.add(0, 1, "", says("42"))
	long := strings.Replace(ask, "What", strings.Repeat("x", 8000), 1)
	gz := with("Content-Encoding", "gzip")
	for _, c := range []struct {
		name, body string
		change     func(*http.Request)
		status     int
		says       string
	}{
		{"gzip", packed(t, ask, "gzip"), gz, 200, "42"},
		{"GZIP", packed(t, ask, "gzip"), with("Content-Encoding", "GZIP"), 200, "42"},
		{"deflate", packed(t, ask, "deflate"), with("Content-Encoding", "deflate"), 200, "42"},
		{"identity", ask, with("Content-Encoding", "identity"), 200, "42"},
		{"a byte order mark", "\ufeff" + ask, gzNone, 200, "42"},
		{"both", packed(t, "\ufeff"+ask, "gzip"), gz, 200, "42"},
		{"chunked", ask, func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader(ask)), -1 }, 200, "42"},
		{"a bomb", packed(t, long, "gzip"), gz, 413, "4096 bytes"},
		{"no gzip", ask, gz, 400, "Content-Encoding"},
		{"half a gzip", packed(t, ask, "gzip")[:40], gz, 400, "to its end"},
		{"brotli", ask, with("Content-Encoding", "br"), 415, "gzip or deflate"},
		{"whole numbers as floats", strings.Replace(ask, "{", `{"max_tokens":100.0,"seed":1e2,`, 1), gzNone, 200, "42"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, text := m.post("/v1/chat/completions", c.body, c.change)
			require.Equal(t, c.status, resp.StatusCode, text)
			require.Contains(t, text, c.says)
		})
	}
	require.Eventually(t, func() bool { return m.buffered.Load() == 0 }, 5*time.Second, time.Millisecond, "every byte is given back")
}

func gzNone(*http.Request) {}

func TestLargeBodiesPass(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("seen"))
	for _, size := range []int{900 << 10, 1100 << 10, 31 << 20} {
		resp, text := m.post("/v1/chat/completions", strings.Replace(ask, "What", strings.Repeat("x", size), 1))
		require.Equal(t, http.StatusOK, resp.StatusCode, text)
	}
	resp, text := m.post("/v1/chat/completions", strings.Replace(ask, "What", strings.Repeat("x", 33<<20), 1))
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
	require.Contains(t, text, "33554432 bytes")
	require.Eventually(t, func() bool { return m.buffered.Load() == 0 }, 5*time.Second, time.Millisecond)
}

// All bodies together have a bound, one key has half of it, and a declared length takes nothing before its bytes are there.
func TestBytesInFlightAreBounded(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.MaxBuffered, c.MaxBody = 1<<20, 1<<20 })
	h, entered, release := hold()
	m.add(0, 1, "", h)
	large := strings.Replace(ask, "What", strings.Repeat("x", 300<<10), 1)
	done := make(chan int)
	go func() { resp, _ := m.post("/v1/chat/completions", large); done <- resp.StatusCode }()
	<-entered
	resp, text := m.post("/v1/chat/completions", large)
	require.Equal(t, http.StatusTooManyRequests, resp.StatusCode, text)
	require.Contains(t, text, "gateway_busy")
	require.Equal(t, "1", resp.Header.Get("Retry-After"))

	other, _, err := m.Keys.Create("other", Limits{})
	require.NoError(t, err)
	go func() {
		resp, _ := m.post("/v1/chat/completions", large, with("Authorization", "Bearer "+other))
		done <- resp.StatusCode
	}()
	<-entered
	release()
	require.Equal(t, []int{200, 200}, []int{<-done, <-done})
	require.Eventually(t, func() bool { return m.buffered.Load() == 0 }, 10*time.Second, time.Millisecond) // given back after the answer

	for range 20 { // each declares the whole bound and sends nothing
		conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", other, 1<<20)
	}
	time.Sleep(50 * time.Millisecond)
	require.LessOrEqual(t, m.buffered.Load(), int64(512<<10))
	resp, text = m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
}

// Whoever sends a body slowly keeps nobody else out.
func TestSlotIsTakenAfterTheBodyIsThere(t *testing.T) {
	m := newMarket(t, func(c *Config) { c.MaxInFlight = 1 })
	m.add(0, 1, "", says("42"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", m.secret)
	require.Eventually(t, func() bool { return m.buffered.Load() > 0 }, 5*time.Second, time.Millisecond)
	resp, text := m.post("/v1/chat/completions", ask)
	require.Equal(t, http.StatusOK, resp.StatusCode, text)
}

func TestBrowsersMayAsk(t *testing.T) {
	origin := with("Origin", "https://app.example")
	preflight := func(r *http.Request) {
		r.Method = http.MethodOptions
		r.Header.Del("Authorization")
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-stainless-os")
	}
	m := newMarket(t, nil)
	m.add(0, 1, "", says("42"))
	resp, _ := m.post("/v1/chat/completions", "", origin, preflight)
	require.Equal(t, http.StatusNoContent, resp.StatusCode)
	require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "authorization,content-type,x-stainless-os", resp.Header.Get("Access-Control-Allow-Headers"))
	require.Contains(t, resp.Header.Get("Access-Control-Allow-Methods"), "POST")
	for name, c := range map[string]func(*http.Request){"answer": func(*http.Request) {}, "refusal": with("Authorization", "Bearer x")} {
		resp, _ = m.post("/v1/chat/completions", ask, origin, c)
		require.Equal(t, "*", resp.Header.Get("Access-Control-Allow-Origin"), name)
		for _, h := range []string{"X-Agora-Miner", "X-Request-Id", "Retry-After"} {
			require.Contains(t, resp.Header.Get("Access-Control-Expose-Headers"), h)
		}
	}
	m = newMarket(t, func(c *Config) { c.NoCORS = true })
	resp, _ = m.post("/v1/chat/completions", "", origin, preflight)
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"))
}

func TestHeadIsAnswered(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("42"))
	for _, path := range []string{"/healthz", "/v1/models", "/v1/models/chat", "/metrics"} {
		resp, text := m.post(path, "", func(r *http.Request) { r.Method = http.MethodHead })
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.Empty(t, text)
	}
}

func TestMistakenBaseURLIsNamed(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("42"))
	for path, want := range map[string]string{
		"/chat/completions":       "lacks /v1",
		"/completions":            "lacks /v1",
		"/models":                 "lacks /v1",
		"/v1/v1/chat/completions": "/v1 twice",
		"/v1/batches":             "there is no /v1/batches",
		"/openai/deployments/chat/chat/completions": "there is no /openai/deployments/chat",
	} {
		require.True(t, Serves(&http.Request{Method: http.MethodPost, URL: &url.URL{Path: path}}), path)
		resp, text := m.post(path, ask)
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
		require.Contains(t, text, want)
		require.Contains(t, text, `"code":"unknown_url"`)
	}
	for _, path := range []string{"//v1/chat/completions", "/v1//chat/completions", "/v1/chat/completions/"} {
		require.True(t, Serves(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}), path)
		resp, text := m.post(path, ask)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.Contains(t, text, "42")
	}
	for _, path := range []string{"/", "/subnets/1", "/static/v1/x", "/v10"} {
		require.False(t, Serves(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}), path)
	}
}

func TestOldProtocolWorks(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 1, "", says("one two"))
	for _, body := range []string{ask, askStream} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(m.url, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", m.secret, len(body), body)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, string(text), "two")
		require.Empty(t, resp.TransferEncoding)
	}
}

// Clients obey a retry-after of whole seconds up to a minute; a longer wait must not block their callers.
func TestRetryAfterIsWhatClientsObey(t *testing.T) {
	for perMinute, most := range map[int]int{2: 30, 1: 60} {
		m := newMarket(t, func(c *Config) { c.Limits = Limits{PerMinute: perMinute, Burst: 1} })
		m.post("/v1/chat/completions", ask)
		resp, _ := m.post("/v1/chat/completions", ask)
		require.Equal(t, http.StatusTooManyRequests, resp.StatusCode)
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		require.NoError(t, err)
		require.Positive(t, wait)
		require.LessOrEqual(t, wait, most)
		require.Empty(t, resp.Header.Get("X-Should-Retry"))
	}
	m := newMarket(t, nil)
	m.add(0, 1, "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "90")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	resp, _ := m.post("/v1/chat/completions", ask)
	require.Equal(t, "60", resp.Header.Get("Retry-After"))
	require.Equal(t, "false", resp.Header.Get("X-Should-Retry"))
}
