package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// controlSocket is where a running market takes orders from its owner on this machine.
func controlSocket(home string) string { return filepath.Join(home, "control.sock") }

// serveControl listens on the socket; the function it returns stops that.
func (m *Market) serveControl() (stop func() error, err error) {
	path := controlSocket(m.Home)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w (a home with a shorter path may help)", err)
	}
	mux := http.NewServeMux()
	order := func(do func(string) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if err := do(r.PathValue("name")); err != nil {
				http.Error(w, err.Error(), http.StatusNotFound)
			}
		}
	}
	mux.HandleFunc("POST /miners/{name}/stop", order(m.StopMiner))
	mux.HandleFunc("POST /miners/{name}/start", order(m.StartMiner))
	mux.HandleFunc("POST /nodes/{node}/left-out", m.node((*proposer).serveLeaveOut))
	mux.HandleFunc("GET /nodes/{node}/left-out", m.node((*proposer).serveLeftOut))
	mux.HandleFunc("POST /settle", func(w http.ResponseWriter, r *http.Request) {
		if err := m.Settle(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /vitals", func(w http.ResponseWriter, _ *http.Request) {
		v, err := m.vitals()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(v) // whoever left needs no answer
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }() // ends with Close below
	return func() error {
		err := s.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

// node answers an order to one of the chain's nodes, whose number the path names.
func (m *Market) node(do func(*proposer, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.PathValue("node"))
		if err != nil || i < 0 || i >= len(m.blocks) {
			http.Error(w, fmt.Sprintf("no node %q: this market has nodes 0 to %d", r.PathValue("node"), len(m.blocks)-1), http.StatusNotFound)
			return
		}
		do(m.blocks[i], w, r)
	}
}

// order tells the market that runs on home to stop or start a miner.
func order(ctx context.Context, home, miner, action string) error {
	_, err := call(ctx, home, http.MethodPost, fmt.Sprintf("/miners/%s/%s", miner, action))
	return err
}

// patience is how long a market may take for an answer: on a loaded machine its own heap alone takes seconds to measure.
const patience = 2 * time.Minute

// call asks the market that runs on home and returns what it answers.
func call(ctx context.Context, home, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", controlSocket(home))
	}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, method, "http://market"+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the market on %s does not answer within %s: %w", home, patience, err)
	}
	if err != nil {
		return nil, fmt.Errorf("no market runs on %s: start one with `agora localnet --home %s` (%w)", home, home, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, body)
	}
	return body, nil
}
