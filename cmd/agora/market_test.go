package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/localnet"
)

// The documents whose `sh` blocks are run, in this order, against a market of their own: those of who serves and uses subnets, and those of
// who owns one.
var (
	pages  = []string{"consumer.md", "nominator.md", "miner.md", "models.md", "validator.md"}
	owners = []string{"subnet.md", "governance.md", "multisig.md"}
)

// market is a running `agora localnet`.
type market struct {
	*machine
	home string
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan error
}

func (m *machine) start(args ...string) *market {
	run := &market{machine: m, home: filepath.Join(m.home, ".agora", "localnet"), done: make(chan error, 1)}
	run.cmd = m.command(context.Background(), filepath.Join(m.bin, "agora"), append([]string{"localnet"}, args...)...)
	run.cmd.Stdout, run.cmd.Stderr = &run.out, &run.out
	if err := run.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() { run.done <- run.cmd.Wait() }()
	m.t.Cleanup(func() { _ = run.cmd.Process.Kill() }) // gone already unless the test failed
	give := time.After(m.patience())
	for {
		if d, err := localnet.ReadDescription(run.home); err == nil && d.PID == run.cmd.Process.Pid {
			return run
		}
		select {
		case err := <-run.done:
			m.t.Fatalf("the market ended: %v\n%s", err, run.out.String())
		case <-give:
			m.t.Fatalf("the market does not open\n%s", run.out.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stop sends Ctrl-C and expects a good end.
func (run *market) stop() {
	run.t.Helper()
	if err := run.cmd.Process.Signal(syscall.SIGINT); err != nil {
		run.t.Fatal(err)
	}
	select {
	case err := <-run.done:
		if err != nil {
			run.t.Fatalf("Ctrl-C: %v\n%s", err, run.out.String())
		}
	case <-time.After(run.patience()):
		run.t.Fatal("the market does not stop after Ctrl-C")
	}
}

// read does what pages say, in turn.
func (m *machine) read(pages []string) {
	m.t.Helper()
	for _, page := range pages {
		began := time.Now()
		out, err := m.sh(blocks(m.t, page, "sh"))
		if err != nil {
			m.t.Errorf("%s: %v\n%s", page, err, end(out))
		}
		m.t.Logf("%s took %.0f s", page, time.Since(began).Seconds())
	}
}

func TestTheOwnersPagesWork(t *testing.T) {
	t.Parallel() // it waits for blocks most of the time
	m := newMachine(t)
	market := m.start()
	m.read(owners)
	market.stop()
}

func TestTheDocumentedCommandsWork(t *testing.T) {
	t.Parallel() // it waits for blocks most of the time
	m := newMachine(t)
	first := m.start()
	m.read(pages)
	// When a market has just opened, its gateways do not know all cards yet, and keep no receipts of who has none.
	if out, err := m.sh(`eval "$(agora localnet env)"; ` + blocks(t, "consumer.md", "sh receipts")); err != nil || !strings.Contains(out, "answer     the one given") {
		t.Errorf("consumer.md, receipts: %v\n%s", err, end(out))
	}
	testBadRequests(t, m)
	testPublishing(t, m)
	first.stop()

	second := m.start() // the same home goes on where it stopped
	out, err := m.sh(`eval "$(agora localnet env)"; agora query staking delegations "$(agora keys show nominator -a)"`)
	if err != nil || !strings.Contains(out, "delegator_address") {
		t.Errorf("after the restart the nominator's delegation is gone: %v\n%s", err, out)
	}
	beside, err := m.sh(`agora localnet --home "$HOME/beside" --seed beside --validators 1 --miners 1 --for 5s`)
	if err != nil || !strings.Contains(beside, "The market is open") {
		t.Errorf("a second market beside the first: %v\n%s", err, beside)
	}
	second.stop()
}

// testBadRequests asks what must be refused, with advice.
func testBadRequests(t *testing.T, m *machine) {
	for _, c := range []struct{ name, script, want string }{
		{"no key", `curl -s "$AGORA_URL/chat/completions" -d '{"model":"chat","messages":[{"role":"user","content":"hi"}]}'`, "payment_required"},
		{"wrong key", `curl -s "$AGORA_URL/chat/completions" -H "authorization: Bearer nonsense" -d '{"model":"chat"}'`, "invalid_api_key"},
		{"unknown model", ask(`{"model":"nobody","messages":[{"role":"user","content":"hi"}]}`), "chat"},
		{"broken JSON", ask(`{"model":`), "invalid_request_error"},
		{"the running home", `agora localnet 2>&1 || true`, "start with another --home"},
		{"no market", `agora localnet check --home "$HOME/none" 2>&1 || true`, "start one with"},
		{"no backend", `agora miner --from consumer --backend http://127.0.0.1:9 2>&1 || true`, "is the server running"},
		{"no such native model", `agora miner --from consumer --model gpt 2>&1 || true`, "--backend URL"},
		{"nobody to confirm", `agora tx bank send consumer "$(agora keys show owner -a)" 1rao < /dev/null 2>&1 || echo "exit code $?"`, "give --yes"},
		{"a refusal in the block", `agora tx staking redelegate "$VALIDATOR1" "$VALIDATOR0" 1rao --from nominator --yes --gas 400000 2>&1 || echo "exit code $?"`, "exit code 1"},
		{"a refusal in the block says why", `agora tx staking redelegate "$VALIDATOR1" "$VALIDATOR0" 1rao --from nominator --yes --gas 400000 2>&1 || true`, "redelegation to this validator already in progress"},
		{"a file signed and sent", `agora tx bank send consumer "$(agora keys show owner -a)" 1rao --generate-only --gas 100000 --fees 1000rao > tx.json && agora tx sign tx.json --from consumer > signed.json && agora tx broadcast signed.json`, "in block "},
		{"a file sent twice", `agora tx broadcast signed.json 2>&1 || echo "exit code $?"`, "in block "},
		{"every event", `agora tx bank send consumer "$(agora keys show owner -a)" 1rao --yes -v`, "raw_log"},
		{"unsigned, offline, with nothing else", `agora tx bank send consumer "$(agora keys show owner -a)" 1rao --generate-only --offline --gas 100000`, "MsgSend"},
		{"all of it", `agora tx staking delegate "$VALIDATOR0" "$(agora query bank balances "$(agora keys show consumer -a)" | grep amount | tr -dc 0-9)rao" --from consumer --yes --gas 300000 2>&1 || true`, "rao of it for the fee"},
		{"a redelegation too early says when", `agora tx staking redelegate "$VALIDATOR1" "$VALIDATOR0" 1rao --from nominator --yes 2>&1 || true`, "can be moved on from 20"},
		{"what an author earned by which model", `agora money "$(agora keys show author -a)"`, "chat-large in subnet 1"},
		{"what a place was paid", `agora money "$(agora keys show miner -a)" --json`, `"uid": `},
		{"a notice of two tempos", `agora query subnet params -o json`, `"notice_seconds": "20"`},
		{"zeros", `agora query subnet neurons 1 -o json | grep -cE '"uid": 0,?$'`, "1"},
		{"columns", `agora query yuma epochs 1 -o json | grep -A1 '"incentive": \['`, "incentive"},
		{"no such key", `agora tx bank send nobody "$(agora keys show owner -a)" 1rao --yes 2>&1 || true`, "no key nobody in the wallet"},
		{"a bad address", `agora query bank balances bogus 2>&1 || echo "exit code $?"`, "exit code 2"},
		{"no scheme", `agora query bank total --node 127.0.0.1:1 2>&1 || true`, "write http:// before it"},
		{"a REST port", `agora query bank total --node "$AGORA_REST" 2>&1 || true`, "no node's RPC answers there"},
		{"an address taken apart", `agora keys parse "$(agora keys show owner -a)"`, "bytes"},
		{"no model", `agora miner --from consumer 2>&1 || true`, "give --backend URL"},
		{"a model's place", `agora miner --subnet 2 --from miner --model ngram-5 --hot-key "$AGORA_WALLET/miner-2-ngram-6.hotkey" --allow-private --for 5s 2>&1 || true`, "--replace-card to rename"},
		{"validators on this machine", `agora miner --subnet 2 --from miner --model ngram-3 --for 5s 2>&1 || true`, "--allow-private dials such addresses"},
		{"a running miner says how it does", working + `cat status.txt; kill %1; wait`, "of subnet 2, ngram-6: connected to 4 of 4 validators"},
		{"a hot key that is in use", working + `agora miner --subnet 2 --from miner --model ngram-6 --allow-private --for 5s 2>&1 || true; kill %1; wait`, "of subnet 2, ngram-6): stop it"},
		{"a wallet in a browser", `curl -s -D - -o /dev/null -H 'Origin: https://app.example' "$AGORA_REST/cosmos/base/tendermint/v1beta1/syncing" | tr A-Z a-z`, "access-control-allow-origin"},
		{"nothing mines", `agora miner status 2>&1 || true`, "no miner runs"},
		{"a block", `agora tx bank send consumer "$(agora keys show owner -a)" 1rao --yes --output json | grep -c '"height":"[1-9]'`, "1"},
		{"a node that takes it and no more", `agora tx bank send consumer "$(agora keys show owner -a)" 1rao --yes --wait 0`, "is in no block yet"},
		{"no node", `agora miner --home "$HOME/none" --node http://127.0.0.1:9 --from x --model ngram-2 2>&1 || true`, "127.0.0.1:9"},
	} {
		out, err := m.sh(`eval "$(agora localnet env)"; ` + c.script)
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v, want %q in:\n%s", c.name, err, c.want, out)
		}
	}
}

// testPublishing lets the subnet's owner publish a model, and somebody with an empty store get it from the gateways.
func testPublishing(t *testing.T, m *machine) {
	tiny := modeltest.Model(modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Width: 64, Seed: 1})
	if err := os.WriteFile(filepath.Join(m.home, "tiny.gguf"), tiny, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := m.sh(`eval "$(agora localnet env)"; cd "$HOME"
agora model publish tiny.gguf --subnet 1 --licence MIT --from owner
digest=$(agora model get tiny.gguf --json | grep -o 'sha256:[0-9a-f]*')
agora model get "$digest" --subnet 1 --store "$HOME/elsewhere" --allow-private
cmp tiny.gguf "$HOME"/elsewhere/*.gguf && echo the same bytes
agora model retire "$digest" --subnet 1 --from owner
agora model list --subnet 1
agora model publish tiny.gguf --subnet 1 --licence MIT --from owner 2>&1 || echo "exit code $?"`)
	for _, want := range []string{"publishes from block", "published in subnet 1 as agora1", "now upload the file", "the same bytes", "is retired in subnet 1", "retired", "is published already in subnet 1"} {
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("publishing: %v, want %q in:\n%s", err, want, out)
		}
	}
}

// working starts a miner and waits until it has dialled every validator.
const working = `set -m; agora miner --subnet 2 --from miner --model ngram-6 --allow-private --report 0 > /dev/null 2>&1 &
for _ in $(seq 60); do agora miner status > status.txt 2>&1 && grep -q "4 of 4" status.txt && break; sleep 0.5; done; `

func ask(body string) string {
	return fmt.Sprintf(`curl -s "$AGORA_URL/chat/completions" -H "authorization: Bearer $AGORA_KEY" -d '%s'`, body)
}
