package main

import (
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
	"time"
)

// nodeClock runs four chain nodes with equal stake, one of which is 90 s early, and again with one that is 90 s late. The others'
// blocks must go on, and their time with them, and once its clock is right the late node must take part again.
func (l *lab) nodeClock() error {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Println("building a node with a clock that can be wrong: everything under it is compiled anew, which takes minutes once")
	program, err := offClock(dir, "./cmd/agora")
	if err != nil {
		fmt.Printf("%-48s skipped: no test build can be made here: %v\n", "a node of four has a wrong clock", err)
		return nil
	}
	lasts := max(l.lasts, 20*time.Second)
	return errors.Join(
		onChain(program, filepath.Join(dir, "early"), func(c *chain) error { return c.early(lasts) }),
		onChain(program, filepath.Join(dir, "late"), func(c *chain) error { return c.late(lasts) }))
}

// chain is four nodes of `agora testnet`, the last of which may have a wrong clock.
type chain struct {
	program string
	homes   []string
	rpc     []string
	nodes   []*part
	last    string // address by which the last node signs
}

func onChain(program, home string, do func(*chain) error) error {
	base, err := freePorts(40)
	if err != nil {
		return err
	}
	out, err := exec.Command(program, "testnet", "--n", "4", "--home", home, "--base-port", strconv.Itoa(base), "--slashing-window", "2000", "--json").Output()
	if err != nil {
		return fmt.Errorf("agora testnet: %w", err)
	}
	c := &chain{program: program}
	var made struct{ Homes, RPC []string }
	if err := json.Unmarshal(out, &made); err != nil {
		return err
	}
	c.homes, c.rpc, c.nodes = made.Homes, made.RPC, make([]*part, len(made.Homes))
	defer func() { stopAll(c.nodes...) }()
	for _, home := range c.homes {
		if err := age(filepath.Join(home, "config", "genesis.json")); err != nil {
			return err
		}
	}
	text, err := os.ReadFile(filepath.Join(c.homes[3], "config", "priv_validator_key.json"))
	if err != nil {
		return err
	}
	var key struct{ Address string }
	if err := json.Unmarshal(text, &key); err != nil {
		return err
	}
	c.last = key.Address
	return do(c)
}

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

// age makes a genesis five minutes old: a node waits for one that is in its future.
func age(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	then := time.Now().Add(-5 * time.Minute).UTC().Truncate(time.Minute).Format(time.RFC3339)
	return os.WriteFile(path, genesisTime.ReplaceAll(text, []byte(`"genesis_time": "`+then+`"`)), 0o600)
}

// start runs node i with a clock that is off by so many seconds.
func (c *chain) start(i, off int) error {
	args := append(wrong(off, c.program), "node", "start", "--home", c.homes[i])
	c.nodes[i] = &part{name: "node", cmd: exec.Command(args[0], args[1:]...)}
	return c.nodes[i].cmd.Start()
}

func (c *chain) startAll(lastOff int) error {
	for i := range c.homes {
		if err := c.start(i, lastOff*(i/3)); err != nil {
			return err
		}
	}
	_, err := c.await(0, 3)
	return err
}

// block is what the chain says of its newest block.
type block struct {
	height int
	ahead  time.Duration // of the right clock
	signed bool          // by the last node, the block before
}

func (c *chain) newest(node int) (b block, err error) {
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(c.rpc[node] + "/block")
	if err != nil {
		return b, err
	}
	defer resp.Body.Close()
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
	if err := json.NewDecoder(resp.Body).Decode(&is); err != nil {
		return b, err
	}
	b.height, err = strconv.Atoi(is.Result.Block.Header.Height)
	b.ahead = time.Until(is.Result.Block.Header.Time)
	for _, s := range is.Result.Block.LastCommit.Signatures {
		b.signed = b.signed || s.Flag == 2 && s.Address == c.last
	}
	return b, err
}

// await waits, for two minutes at most, until a node has a block.
func (c *chain) await(node, height int) (b block, err error) {
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		if b, err = c.newest(node); err == nil && b.height >= height {
			return b, nil
		}
	}
	return b, errors.Join(fmt.Errorf("node %d has no block %d", node, height), err)
}

// watched is what a while of blocks came to.
type watched struct {
	blocks, looked, signed int
	off                    time.Duration // most that a block's time was off
}

// watch looks at the first node's blocks for a while.
func (c *chain) watch(lasts time.Duration) (s watched, err error) {
	first, err := c.newest(0)
	if err != nil {
		return s, err
	}
	for began, at := time.Now(), first.height; time.Since(began) < lasts; time.Sleep(100 * time.Millisecond) {
		b, err := c.newest(0)
		if err != nil {
			return s, err
		}
		if b.height == at {
			continue
		}
		at = b.height
		s.blocks, s.looked = b.height-first.height, s.looked+1
		if b.signed {
			s.signed++
		}
		s.off = max(s.off, b.ahead.Abs())
	}
	return s, nil
}

// bars are what the right nodes owe: a block in four seconds, whose time is right to twenty.
func (s watched) bars(lasts time.Duration) error {
	if s.blocks < int(lasts.Seconds())/4 {
		return fmt.Errorf("%d blocks in %v are too few", s.blocks, lasts)
	}
	if s.off > 20*time.Second {
		return fmt.Errorf("a block's time was off by %v", s.off)
	}
	return nil
}

func (s watched) print(what string, lasts time.Duration) {
	fmt.Printf("%-48s %d blocks in %v, their time off by at most %v; it signed %d of %d\n", what, s.blocks, lasts, s.off.Round(100*time.Millisecond), s.signed, s.looked)
}

// early has the last node 90 s early, which must cost nobody anything.
func (c *chain) early(lasts time.Duration) error {
	if err := c.startAll(90); err != nil {
		return err
	}
	s, err := c.watch(lasts)
	if err != nil {
		return err
	}
	s.print("a node of four is 90 s early", lasts)
	if s.signed*2 < s.looked {
		return fmt.Errorf("the early node signed %d of %d blocks", s.signed, s.looked)
	}
	return s.bars(lasts)
}

// late has the last node 90 s late, which may cost its operator alone, and only until the clock is right.
func (c *chain) late(lasts time.Duration) error {
	if err := c.startAll(-90); err != nil {
		return err
	}
	s, err := c.watch(lasts)
	if err != nil {
		return err
	}
	s.print("a node of four is 90 s late", lasts)
	if err := s.bars(lasts); err != nil {
		return err
	}
	c.nodes[3].kill()
	if err := c.start(3, 0); err != nil {
		return err
	}
	began := time.Now()
	for b := (block{}); !b.signed; time.Sleep(100 * time.Millisecond) {
		if b, err = c.newest(0); err != nil || time.Since(began) > 2*time.Minute {
			return errors.Join(errors.New("the node does not sign again with a right clock"), err)
		}
	}
	fmt.Printf("%-48s it signs again after %v\n", "its clock is right", time.Since(began).Round(100*time.Millisecond))
	return nil
}
