package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const nodes = 4

// chain is four nodes of `agora testnet` with equal stake. Each goes by a clock of its own and starts again whenever it ends.
type chain struct {
	program, home string
	homes         []string
	rpc           []string
	clocks        [nodes]clock
	signers       [nodes]string // addresses by which they sign
	running       [nodes]atomic.Pointer[os.Process]
	down          [nodes]atomic.Bool // is not started again
	stop          context.CancelFunc
	work          sync.WaitGroup
}

// newChain writes the folders of a network and starts its nodes with right clocks.
func newChain(program, home string) (*chain, error) {
	base, err := freePorts(10 * nodes)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(program, "testnet", "--n", strconv.Itoa(nodes), "--home", home, "--base-port", strconv.Itoa(base), "--slashing-window", "2000", "--json").Output()
	if err != nil {
		return nil, fmt.Errorf("agora testnet: %w", err)
	}
	var made struct{ Homes, RPC []string }
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &chain{program: program, home: home, homes: made.Homes, rpc: made.RPC, stop: stop}
	for i := range nodes {
		if err := c.prepare(i); err != nil {
			return nil, err
		}
	}
	for i := range nodes {
		c.work.Go(func() { c.keep(ctx, i) })
	}
	return c, nil
}

// close ends all nodes.
func (c *chain) close() {
	c.stop()
	c.work.Wait()
}

// prepare makes a node's genesis older than any clock is late, and learns how it signs.
func (c *chain) prepare(i int) error {
	c.clocks[i] = clock(filepath.Join(c.homes[i], "clock"))
	if err := age(filepath.Join(c.homes[i], "config", "genesis.json")); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(c.homes[i], "config", "priv_validator_key.json"))
	if err != nil {
		return err
	}
	var key struct{ Address string }
	err = json.Unmarshal(text, &key)
	c.signers[i] = key.Address
	return err
}

// keep starts node i again a second after it has ended, as an operating system's supervisor does. What it says goes to its folder.
func (c *chain) keep(ctx context.Context, i int) {
	for ctx.Err() == nil {
		if c.down[i].Load() {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		log, err := os.OpenFile(c.log(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return // the chain then has no such node, which its bars find
		}
		args := append(c.clocks[i].command(c.program), "node", "start", "--home", c.homes[i])
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = log, log
		if cmd.Start() == nil {
			c.running[i].Store(cmd.Process)
			_ = cmd.Wait() // its log says why
		}
		log.Close()
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// kill ends node i's process, if it runs.
func (c *chain) kill(i int) {
	if p := c.running[i].Load(); p != nil {
		_ = p.Kill() // it has ended where this fails
	}
}

// tolerate lets every node take blocks that are up to four hours in the future of its clock, and starts all again.
func (c *chain) tolerate() error {
	for i, home := range c.homes {
		path := filepath.Join(home, "config", "config.toml")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		const setting = `block_time_tolerance = "%s"`
		more := strings.Replace(string(text), fmt.Sprintf(setting, "1m0s"), fmt.Sprintf(setting, "4h0m0s"), 1)
		if more == string(text) {
			return fmt.Errorf("%s has no block_time_tolerance of a minute", path)
		}
		if err := os.WriteFile(path, []byte(more), 0o600); err != nil {
			return err
		}
		c.kill(i)
	}
	return nil
}

func (c *chain) log(i int) string { return filepath.Join(c.homes[i], "log") }

// freePorts finds n ports in a row of which none is taken now, below those that connections take.
func freePorts(n int) (first int, err error) {
	for range 100 {
		if first = 20_000 + rand.IntN(10_000); areFree(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d ports in a row are free", n)
}

func areFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

var genesisTime = regexp.MustCompile(`"genesis_time": "[^"]*"`)

// age makes a genesis four hours old: a node waits for one that is in its future.
func age(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	then := time.Now().Add(-4 * time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	return os.WriteFile(path, genesisTime.ReplaceAll(text, []byte(`"genesis_time": "`+then+`"`)), 0o600)
}

// block is what a node says of its newest block.
type block struct {
	height int
	ahead  time.Duration // of the right clock
	signed [nodes]bool   // the block before
}

func (c *chain) newest(node int) (b block, err error) {
	var is struct {
		Result struct {
			Block struct {
				Header struct {
					Height string
					Time   time.Time
				}
				LastCommit struct {
					Signatures []struct {
						Flag    int    `json:"block_id_flag"`
						Address string `json:"validator_address"`
					}
				} `json:"last_commit"`
			}
		}
	}
	if err := c.ask(node, "/block", &is); err != nil {
		return b, err
	}
	b.height, err = strconv.Atoi(is.Result.Block.Header.Height)
	b.ahead = time.Until(is.Result.Block.Header.Time)
	for _, s := range is.Result.Block.LastCommit.Signatures {
		for i, signer := range c.signers {
			b.signed[i] = b.signed[i] || s.Flag == 2 && s.Address == signer
		}
	}
	return b, err
}

// ask reads an answer of a node's RPC.
func (c *chain) ask(node int, path string, to any) error {
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(c.rpc[node] + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(to)
}

// await waits, at most so long, until a node's newest block is as wanted.
func (c *chain) await(node int, most time.Duration, wanted func(block) bool) (b block, err error) {
	for began := time.Now(); time.Since(began) < most; time.Sleep(100 * time.Millisecond) {
		if b, err = c.newest(node); err == nil && wanted(b) {
			return b, nil
		}
	}
	return b, errors.Join(fmt.Errorf("node %d stands at block %d after %v, signed by %v", node, b.height, most, b.signed), err)
}

// from is a block at a height or above.
func from(height int) func(block) bool { return func(b block) bool { return b.height >= height } }

// byAll is a block whose predecessor every node signed.
func byAll(b block) bool { return b.signed == [nodes]bool{true, true, true, true} }
