package miner

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Door answers questions about a miner beside its work.
type Door struct {
	server *http.Server
	addr   string
	done   chan error
}

// OpenStatus answers `agora miner status` on a free port of this machine, to those who bring the token. Report is asked for
// each question.
func OpenStatus(token string, report func(context.Context) Report) (*Door, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Token")), []byte(token)) != 1 {
			http.Error(w, "the token is not this miner's", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(report(r.Context())) // whoever left needs no answer
	})
	return openDoor("127.0.0.1:0", mux)
}

// OpenMetrics answers Prometheus at an address, host:port.
func OpenMetrics(addr string, report func() Report) (*Door, error) {
	return openDoor(addr, Metrics(report))
}

func openDoor(addr string, h http.Handler) (*Door, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	d := &Door{server: &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}, addr: l.Addr().String(), done: make(chan error, 1)}
	go func() { d.done <- d.server.Serve(l) }() // ends with Close
	return d, nil
}

// Addr is where it listens.
func (d *Door) Addr() string { return d.addr }

// Close ends it.
func (d *Door) Close() error {
	err := d.server.Close()
	if served := <-d.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// AskStatus asks a running miner of this machine how it does.
func AskStatus(ctx context.Context, addr, token string) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/status", nil)
	if err != nil {
		return Report{}, err
	}
	req.Header.Set("X-Token", token)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return Report{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return Report{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return Report{}, fmt.Errorf("the miner answers %d: %.200s", resp.StatusCode, body)
	}
	var r Report
	return r, json.Unmarshal(body, &r)
}
