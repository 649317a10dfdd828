package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// founded is what must be there before a validator takes a voice and a miner comes: a subnet, and money for the miner,
// whose wallet is the standard one.
const founded = `
agora tx subnet create words --mechanism '{"id":"exact"}' --max-lock 2000000000000 --from alice --home /tmp/alice --yes
agora tx subnet start 1 --from alice --home /tmp/alice --yes
`

const mined = `
unset AGORA_WALLET
agora keys add miner --keyring-backend test
agora tx bank send alice "$(agora keys show miner -a --keyring-backend test)" 20000000000rao --home /tmp/alice --yes
agora miner --node http://127.0.0.1:26701 --keyring-backend test --subnet 1 --from miner --model ngram-2 --allow-private --register-anyway --for 5s
`

// TestTheNodePageWorks runs docs/node.md as it stands, with real processes, then the operator's commands of
// docs/validator.md on the network that it founds, and a miner on a wallet of its own.
func TestTheNodePageWorks(t *testing.T) {
	t.Parallel() // both wait for blocks most of the time
	if testing.Short() {
		t.Skip("runs ten nodes and waits for a jail: some minutes")
	}
	m := newMachine(t)
	operator := strings.NewReplacer("~/.agora/node", "/tmp/carol", "--from operator", "--from carol",
		"validator.example", "127.0.0.1", "0.0.0.0:7070", "127.0.0.1:26791", "7070", "26791", "8080", "26792 --for 5s").Replace(blocks(t, "validator.md", "sh operator"))
	script := "trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT\n" + // the page leaves its nodes running
		strings.Replace(blocks(t, "node.md", "sh"), "--base-port 26600", "--base-port 26600 --block-time 300ms --slashing-window 40", 1) +
		founded + operator + mined
	out, err := m.sh(placed(t, m, script))
	t.Log(out)
	if err != nil {
		m.showLogs()
		t.Fatal(err)
	}
	earliest := regexp.MustCompile(`"earliest_block_height":"(\d+)"`).FindAllStringSubmatch(out, -1)
	if len(earliest) != 2 || earliest[0][1] == "1" || earliest[1][1] != "1" {
		t.Errorf("the node that joined by a snapshot and the one that replayed begin at %v", earliest)
	}
	for _, want := range []string{"moniker: carol", "nobody offers one, set enable = false", "uid 0 speaks for", "consumers ask http://", "mining subnet 1 as uid 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	testMetrics(t, filepath.Join(m.home, "net", "metrics.txt"))
}

// testMetrics holds the page's table against what a node told.
func testMetrics(t *testing.T, file string) {
	t.Helper()
	told, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "node.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)^\\| `(cometbft_[a-z_]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 5 {
		t.Errorf("the page names %d metrics", len(named))
	}
	for _, name := range named {
		if !strings.Contains(string(told), "\n"+name[1]) {
			t.Errorf("the node tells no %s", name[1])
		}
	}
}

// placed moves a script's folders from /tmp to the machine's home and its ports 26600 to 26799 to free ones.
func placed(t *testing.T, m *machine, script string) string {
	t.Helper()
	base := freePorts(t, 200)
	script = strings.ReplaceAll(script, "/tmp/", m.home+"/")
	return regexp.MustCompile(`\b26[67]\d\d\b`).ReplaceAllStringFunc(script, func(port string) string {
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.Itoa(n - 26600 + base)
	})
}

// handed is the last row of ports that a test was given: another one beside it may not have opened its own yet.
var handed atomic.Int64

// freePorts finds the first of so many free ports in a row, at most 277, which no other test was given.
func freePorts(t *testing.T, count int) int {
	t.Helper()
	for {
		base := 20_000 + int(handed.Add(277))
		if base >= 31_000 {
			break
		}
		if allFree(base, count) {
			return base
		}
	}
	t.Fatalf("no %d free ports in a row", count)
	return 0
}

func allFree(base, count int) bool {
	for port := base; port < base+count; port++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// showLogs logs the end of what every node said.
func (m *machine) showLogs() {
	for _, pattern := range []string{"*.log", "net/*.log"} {
		files, err := filepath.Glob(filepath.Join(m.home, pattern))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, file := range files {
			if bz, err := os.ReadFile(file); err == nil {
				m.t.Logf("%s:\n%s", file, bz[max(0, len(bz)-1500):])
			}
		}
	}
}
