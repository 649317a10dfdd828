// Package openai puts any OpenAI-compatible server (vLLM, llama.cpp, SGLang, Ollama, …) behind a miner. Requests and
// answers pass byte by byte, except for the model's name, which on the network is a subnet's and at the backend its own.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agora/wire/openai"
)

const (
	maxHeader = 64 << 10  // bytes of a backend's response header
	maxAnswer = 256 << 20 // bytes of a backend's answer, beyond it the answer is cut
)

// Options say how to speak to a backend. Zero values take the defaults named beside them.
type Options struct {
	Model     string        // the backend's name for the model; without it Probe takes the only one there is
	Key       string        // bearer key for the backend, if it wants one
	FirstByte time.Duration // from the request to the answer's header, beyond it 504; 2 min
	MaxBody   int64         // bytes of a request, beyond it 413; 33 MiB
	Log       *slog.Logger  // slog.Default()
}

// Backend is another server as an http.Handler for POST /v1/chat/completions, POST /v1/completions, GET /v1/models, and for
// embeddings, ranking, images and speech where it has them.
// Its address is the operator's own choice, so private addresses are fine.
type Backend struct {
	base   *url.URL // up to and with "/v1"
	opt    Options
	client *http.Client
	can    openai.Ability // what Probe found; 0 before
	plain  bool           // Probe found that it does not stream

	heard      atomic.Int64 // when a part of an answer came last, Unix time in nanoseconds
	complained sync.Map     // what the operator was told, by path and status
}

// New checks the address, "http://127.0.0.1:11434/v1"; without a path, "/v1" is assumed. Nothing is dialled yet.
func New(address string, opt Options) (*Backend, error) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return nil, fmt.Errorf("backend address %q must look like http://127.0.0.1:11434/v1: write http:// before it", address)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, fmt.Errorf("backend address %q must look like http://127.0.0.1:11434/v1", base.Redacted())
	}
	if base.Path == "" {
		base.Path = "/v1"
	}
	if opt.FirstByte <= 0 {
		opt.FirstByte = 2 * time.Minute
	}
	if opt.MaxBody <= 0 {
		opt.MaxBody = 33 << 20
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	return &Backend{base: base, opt: opt, client: newClient(opt)}, nil
}

// newClient follows no redirect and asks no proxy: what the operator named is what is spoken to.
func newClient(opt Options) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			ResponseHeaderTimeout:  opt.FirstByte,
			MaxResponseHeaderBytes: maxHeader,
			MaxIdleConnsPerHost:    64,
			IdleConnTimeout:        time.Minute,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close drops the connections that wait for the next request.
func (b *Backend) Close() { b.client.CloseIdleConnections() }

// ServeHTTP forwards one request. Once an answer has begun, a failure cuts it, so that nobody takes it for whole.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, stream, err := b.forward(r)
	if err != nil {
		openai.WriteError(w, b.explain(r.Context(), err))
		return
	}
	defer resp.Body.Close()
	if err := b.misfit(resp); err != nil {
		openai.WriteError(w, err)
		return
	}
	keep(w.Header(), resp.Header, answerHeaders)
	if resp.StatusCode != http.StatusOK {
		openai.WriteError(w, reason(resp))
		return
	}
	from := io.Reader(resp.Body)
	if stream {
		if from, err = eventsOf(w, resp.Body); err != nil {
			openai.WriteError(w, b.explain(r.Context(), err))
			return
		}
		if from == nil {
			return
		}
	}
	w.WriteHeader(resp.StatusCode)
	if err := b.relay(w, from); err != nil {
		b.opt.Log.Debug("answer broke off", "path", r.URL.Path, "err", err)
		panic(http.ErrAbortHandler)
	}
}

// forward also says whether a stream was asked for.
func (b *Backend) forward(r *http.Request) (_ *http.Response, stream bool, _ error) {
	body, err := openai.ReadBody(r.Body, b.opt.MaxBody)
	if err != nil {
		return nil, false, err
	}
	kind := r.Header.Get("Content-Type")
	switch {
	case r.Method == http.MethodPost && strings.HasPrefix(kind, "multipart/"):
		if kind, body, err = b.fitForm(kind, body); err != nil {
			return nil, false, err
		}
	case r.Method == http.MethodPost:
		if body, stream, err = b.fit(body); err != nil {
			return nil, false, err
		}
	}
	out, err := b.request(r.Context(), r.Method, strings.TrimPrefix(r.URL.Path, "/v1"), body)
	if err != nil {
		return nil, false, err
	}
	keep(out.Header, r.Header, requestHeaders)
	if kind != "" {
		out.Header.Set("Content-Type", kind)
	}
	resp, err := b.client.Do(out)
	return resp, stream, err
}

// fit is a request as the backend gets it, unless it asks for what the backend does not do.
func (b *Backend) fit(body []byte) (_ []byte, stream bool, _ error) {
	body, err := renameModel(body, b.opt.Model)
	if err != nil {
		return nil, false, err
	}
	if e := openai.ReadAsk(body).Refusal(b.can); e != nil {
		return nil, false, e
	}
	var wish struct {
		Stream bool `json:"stream"`
	}
	_ = json.Unmarshal(body, &wish) // a stream that is no wish is the backend's to refuse
	if wish.Stream && b.plain {
		body, err = withoutStream(body)
	}
	return body, wish.Stream, err
}

// fitForm is a form as the backend gets it.
func (b *Backend) fitForm(kind string, body []byte) (string, []byte, error) {
	f, err := openai.ReadForm(kind, body)
	if err != nil {
		return "", nil, err
	}
	return f.Renamed(b.opt.Model)
}

func (b *Backend) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "agora")
	// llama.cpp's server closes a connection that it promised to keep, right after a stream. With this header, which is not
	// sent, net/http asks again on a new connection where the old one was closed before a byte of an answer came.
	r.Header["X-Idempotency-Key"] = nil
	if b.opt.Key != "" {
		r.Header.Set("Authorization", "Bearer "+b.opt.Key)
	}
	return r, nil
}

// Headers that pass; every other one stays on its side, keys and cookies first of all.
var (
	requestHeaders = []string{"Content-Type", "Accept", "Traceparent"}
	answerHeaders  = []string{"Content-Type", "Cache-Control", "Retry-After", "X-Request-Id"}
)

func keep(to, from http.Header, names []string) {
	for _, name := range names {
		if v := from.Get(name); v != "" {
			to.Set(name, v)
		}
	}
}

// explain tells the operator's log what failed and the consumer what it means; addresses stay with the operator.
func (b *Backend) explain(ctx context.Context, err error) error {
	var known *openai.Error
	var slow net.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.Canceled):
		return openai.Errorf(499, "the request was cancelled")
	case ctx.Err() != nil, errors.As(err, &slow) && slow.Timeout():
		b.opt.Log.Warn("backend is too slow", "backend", b.base.String(), "err", err)
		return openai.Errorf(http.StatusGatewayTimeout, "the miner's backend did not begin to answer in time")
	}
	b.opt.Log.Warn("backend cannot be reached; is it running?", "backend", b.base.String(), "err", err)
	return openai.Errorf(http.StatusBadGateway, "the miner's backend cannot be reached")
}

// misfit finds answers that are the operator's affair, not the consumer's: a wrong key, model or address, an account without
// money (402 of a miner means that the miner wants to be paid), a reverse proxy that compresses or gives up.
func (b *Backend) misfit(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusProxyAuthRequired:
		b.complain("backend refuses the key; give the right one", resp)
	case s == http.StatusPaymentRequired:
		b.complain("backend wants to be paid; its account has no money left", resp)
	case s == http.StatusNotFound, s == http.StatusGone, s != http.StatusOK && s < 400, s >= 600:
		b.complain("backend does not have this path, or not for this model", resp)
	case s == http.StatusOK && !slices.Contains([]string{"", "identity"}, strings.ToLower(resp.Header.Get("Content-Encoding"))):
		b.complain("backend compresses its answers, which nobody asked for; switch that off in the server or the proxy before it", resp)
	case s == http.StatusRequestTimeout, s == 499:
		return openai.Errorf(http.StatusGatewayTimeout, "the miner's backend gave the request up")
	case s == http.StatusTooEarly:
		return openai.Errorf(http.StatusServiceUnavailable, "the miner's backend is not ready yet")
	default:
		return nil
	}
	return openai.Errorf(http.StatusBadGateway, "the miner's backend is not set up for this request")
}

// complain tells the operator once for each path and status, however many requests meet it.
func (b *Backend) complain(what string, resp *http.Response) {
	path := resp.Request.URL.Path
	if _, told := b.complained.LoadOrStore(fmt.Sprint(path, resp.StatusCode), true); !told {
		b.opt.Log.Error(what, "backend", b.base.String(), "path", path, "model", b.opt.Model, "status", resp.StatusCode)
	}
}

// relay copies the answer, flushing what it has whenever the backend pauses.
func (b *Backend) relay(w http.ResponseWriter, from io.Reader) error {
	flush := http.NewResponseController(w)
	buf := make([]byte, 32<<10)
	for total := 0; ; {
		n, err := from.Read(buf)
		b.heard.Store(time.Now().UnixNano())
		if total += n; total > maxAnswer {
			return fmt.Errorf("the backend's answer is larger than %d bytes", maxAnswer)
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := flush.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
	}
}
