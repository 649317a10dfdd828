package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestANodeRefusesWhatWouldCostItsValidator plays an operator's accidents with one node.
func TestANodeRefusesWhatWouldCostItsValidator(t *testing.T) {
	t.Parallel() // it waits for blocks
	m := newMachine(t)
	script := placed(t, m, `
agora testnet --n 1 --home /tmp/net --base-port 26600 --block-time 200ms
home=/tmp/net/node0
agora node start --home $home --halt-height 6 > /tmp/halt.log 2>&1 && echo "halted with 0"
cp $home/data/priv_validator_state.json /tmp/before.json
mv $home/config/priv_validator_key.json /tmp/key.json
agora node start --home $home 2>&1 || echo "without its key: exit code $?"
test ! -e $home/config/priv_validator_key.json && cmp $home/data/priv_validator_state.json /tmp/before.json && echo "no key was made"
mv /tmp/key.json $home/config/priv_validator_key.json
mv $home/data/priv_validator_state.json /tmp/state.json
agora node start --home $home 2>&1 || echo "without its record: exit code $?"
mv /tmp/state.json $home/data/priv_validator_state.json
agora node start --home $home > /tmp/node.log 2>&1 &
pid=$!
trap 'kill $pid 2> /dev/null; wait $pid' EXIT
until agora status --home /tmp/net > /dev/null 2>&1; do sleep 0.2; done
agora node start --home $home 2>&1 || echo "a second one: exit code $?"
agora node status --home $home
agora node status --home $home --json | grep '"catching_up": false'
agora version
agora query block 3 --home /tmp/net | grep height
agora query subnet params --home /tmp/net -o json > /dev/null
agora tx bank send faucet "$(agora keys show validator0 -a --home /tmp/net)" 2.9rao --home /tmp/net --yes 2>&1 || echo "parts of a rao: exit code $?"
agora tx bank send faucet "$(agora keys show validator0 -a --home /tmp/net)" 1.5tao --home /tmp/net --yes > /tmp/sent.txt 2> /dev/null
wc -l < /tmp/sent.txt
cat /tmp/sent.txt
agora tx staking undelegate 2>&1 || true
`)
	out, err := m.sh(script)
	t.Log(out)
	if err != nil {
		m.showLogs()
		t.Fatal(err)
	}
	for _, want := range []string{
		"halted with 0", "priv_validator_key.json is missing although this node has data", "without its key: exit code 1", "no key was made",
		"priv_validator_state.json is missing", "without its record: exit code 1", "another node runs there", "a second one: exit code 1",
		"validator0 of ", "follows the chain", `"catching_up": false`, "there is nothing smaller than a rao", "parts of a rao: exit code 2",
		"\n3\ntransaction ", "paid 1500000000 rao",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	log, err := os.ReadFile(filepath.Join(m.home, "node.log"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(log), "\n")
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INF `).MatchString(line) || strings.Contains(string(log), "\x1b[") {
		t.Errorf("the log begins with %q", line)
	}
}
