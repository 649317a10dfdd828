package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"agora/wire/openai"
)

// enter checks key and limits. On success the caller must call leave at the request's end; otherwise the answer is given.
func (g *Gateway) enter(w http.ResponseWriter, r *http.Request) (leave func(), ok bool) {
	key := g.identify(w, r)
	if key == nil {
		return nil, false
	}
	if wait, ok := key.enter(g.Limits, time.Now()); !ok {
		g.deny(w, openai.Errorf(http.StatusTooManyRequests,
			"key %s has reached its limit; ask again in %.1f s or more slowly", key.ID, wait.Seconds()).WithCode("rate_limit_exceeded"), wait)
		return nil, false
	}
	select {
	case g.slots <- struct{}{}:
	default:
		key.leave()
		g.deny(w, openai.Errorf(http.StatusTooManyRequests,
			"the gateway is serving as many requests as it can; try again soon").WithCode("gateway_busy"), time.Second)
		return nil, false
	}
	g.metrics.inFlight.Inc()
	return func() {
		g.metrics.inFlight.Dec()
		<-g.slots
		key.leave()
	}, true
}

// identify finds the bearer's key; nil means that the answer is given.
func (g *Gateway) identify(w http.ResponseWriter, r *http.Request) *holder {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secret = strings.TrimSpace(secret)
	e := openai.Errorf(http.StatusUnauthorized, "send a key in the header \"Authorization: Bearer agora-…\"; to get a key, %s", g.KeyHelp)
	if strings.EqualFold(scheme, "Bearer") && secret != "" {
		key, err := g.Keys.find(secret)
		if err == nil {
			return key
		}
		e = openai.Errorf(http.StatusUnauthorized, "%s; to get a key, %s", err, g.KeyHelp)
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="agora"`)
	g.deny(w, e.WithCode("invalid_api_key"), 0)
	return nil
}

// readBody reads a request's body within its limits of size and time.
func (g *Gateway) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, openai.Errorf(http.StatusBadRequest, "send the body without compression, not as %.20q", enc)
	}
	if r.ContentLength > g.MaxBody {
		return nil, bodyFault(&http.MaxBytesError{Limit: g.MaxBody}, g.MaxBody)
	}
	// Not every writer has deadlines, those of tests do not; the server's do.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(g.BodyTimeout))
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, g.MaxBody))
	if err != nil {
		return nil, bodyFault(err, g.MaxBody)
	}
	_ = control.SetReadDeadline(time.Time{})
	return buf.Bytes(), nil
}

// models answers GET /v1/models and GET /v1/models/ID.
func (g *Gateway) models(w http.ResponseWriter, r *http.Request) {
	if g.identify(w, r) == nil {
		return
	}
	t := g.table.Load()
	if t == nil {
		g.deny(w, notReady(), time.Second)
		return
	}
	id := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1/models"), "/")
	if id == "" {
		writeJSON(w, http.StatusOK, openai.ModelList{Object: "list", Data: t.models})
		return
	}
	for _, m := range t.models {
		if m.ID == id {
			writeJSON(w, http.StatusOK, m)
			return
		}
	}
	g.deny(w, modelFault(id, t), 0)
}

// healthz says whether a request could be served now.
func (g *Gateway) healthz(w http.ResponseWriter) {
	t := g.table.Load()
	if t == nil {
		g.deny(w, notReady(), time.Second)
		return
	}
	status, state, connected := http.StatusOK, "ok", g.connected(t)
	if connected == 0 {
		status, state = http.StatusServiceUnavailable, "no miner connected"
	}
	writeJSON(w, status, map[string]any{
		"status": state, "miners": t.miners, "connected": connected, "ranking_age_seconds": int(g.age().Seconds()),
	})
}

func (g *Gateway) connected(t *table) int {
	n := map[string]bool{}
	for _, r := range t.routes {
		for _, tier := range r.tiers {
			for _, c := range tier {
				if g.Miners.Connected(c.HotKey) {
					n[r.subnet+"/"+c.name] = true
				}
			}
		}
	}
	return len(n)
}

func notReady() *openai.Error {
	return openai.Errorf(http.StatusServiceUnavailable, "the gateway has not read the ranking yet; try again soon").WithCode("starting")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only our own plain structs come here
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a consumer that left needs no answer
}

func requestID() string { return fmt.Sprintf("req_%016x%016x", rand.Uint64(), rand.Uint64()) }
