package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// chainMarket is a subnet of a chain with a validator beside the last node, by whose clock it goes, and a miner; consumers ask its gateway and
// somebody pays, all the time.
type chainMarket struct {
	*chain
	door, key string
	stop      context.CancelFunc
	work      sync.WaitGroup

	asked, ok atomic.Int64
	mu        sync.Mutex
	paid      []string // hashes of the payments that were acknowledged
}

// open makes the market and lets it be asked.
func (c *chain) open() (m *chainMarket, err error) {
	base, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	last, hub := nodes-1, "127.0.0.1:"+strconv.Itoa(base)
	m = &chainMarket{chain: c, door: "127.0.0.1:" + strconv.Itoa(base+1)}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	for _, command := range []string{
		`tx subnet create words --mechanism {"id":"exact"} --max-lock 2000000000000 --from faucet --yes`,
		"tx subnet start 1 --from faucet --yes",
		"validator voice --from validator3 --subnet 1 --address " + hub + " --gateway http://" + m.door + "/v1",
	} {
		if _, err := m.agora(0, strings.Fields(command)...); err != nil {
			return m, err
		}
	}
	m.runs(ctx, c.clocks[last].command(c.program), last, "validator", "--from", "validator3", "--wire", hub, "--http", m.door)
	m.runs(ctx, []string{c.program}, 0, "miner", "--subnet", "1", "--from", "validator1", "--model", "ngram-2", "--allow-private", "--register-anyway")
	if m.key, err = m.agora(0, "validator", "key", "create", "consumer"); err != nil {
		return m, err
	}
	for began := time.Now(); !m.ask(); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			return m, fmt.Errorf("the market on the chain answers nobody in two minutes")
		}
	}
	m.work.Go(func() { m.askOn(ctx) })
	m.work.Go(func() { m.payOn(ctx) })
	return m, nil
}

func (m *chainMarket) close() {
	m.stop()
	m.work.Wait()
}

// agora runs a command of the network's wallet at a node, and returns the line that it prints.
func (m *chainMarket) agora(node int, args ...string) (string, error) {
	args = append(args, "--home", m.home)
	if args[0] != "validator" || args[1] != "key" {
		args = append(args, "--node", m.rpc[node])
	}
	var said bytes.Buffer
	cmd := exec.Command(m.program, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("agora %s: %w: %s", strings.Join(args, " "), err, said.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

// runs keeps a program of the market running until ctx ends.
func (m *chainMarket) runs(ctx context.Context, command []string, node int, args ...string) {
	args = append(append(command[1:len(command):len(command)], args...), "--home", m.home, "--node", m.rpc[node])
	m.work.Go(func() {
		_ = exec.CommandContext(ctx, command[0], args...).Run() // nobody is answered then
	})
}

// ask asks the gateway once.
func (m *chainMarket) ask() bool {
	r, err := http.NewRequest(http.MethodPost, "http://"+m.door+"/v1/completions", strings.NewReader(`{"model":"words","prompt":"the","max_tokens":8}`))
	if err != nil {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+m.key)
	resp, err := (&http.Client{Timeout: 30 * time.Second}).Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK && bytes.Contains(body, []byte("text_completion"))
}

// askOn asks twenty times a second at most.
func (m *chainMarket) askOn(ctx context.Context) {
	for ctx.Err() == nil {
		if m.ask() {
			m.ok.Add(1)
		}
		m.asked.Add(1)
		time.Sleep(50 * time.Millisecond)
	}
}

// payOn pays a rao again and again, and keeps what is told to be in a block.
func (m *chainMarket) payOn(ctx context.Context) {
	to, err := exec.Command(m.program, "keys", "show", "validator1", "-a", "--home", m.home).Output()
	for ctx.Err() == nil && err == nil {
		said, err := m.agora(0, "tx", "bank", "send", "faucet", strings.TrimSpace(string(to)), "1rao", "--yes", "-o", "json", "--wait", "5m")
		var tx struct {
			Hash   string `json:"txhash"`
			Height string `json:"height"`
		}
		if err == nil && json.Unmarshal([]byte(said), &tx) == nil && tx.Height != "0" {
			m.mu.Lock()
			m.paid = append(m.paid, tx.Hash)
			m.mu.Unlock()
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// lost counts the acknowledged payments that a node does not have.
func (m *chainMarket) lost() (lost, of int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, hash := range m.paid {
		for node := range nodes {
			var is struct{ Result struct{ Height string } }
			if err := m.chain.ask(node, "/tx?hash=0x"+hash, &is); err != nil || is.Result.Height == "" {
				lost++
			}
		}
	}
	return lost, len(m.paid)
}
