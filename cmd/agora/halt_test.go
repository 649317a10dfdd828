package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	subnettypes "agora/chain/x/subnet/types"
)

// TestANodeThatCannotGoOnEndsWithAReason starts one on a genesis in which an upgrade passes that the program does not have, and one
// whose books are a rao wrong. A supervisor sees the exit code; the last line says what to do.
func TestANodeThatCannotGoOnEndsWithAReason(t *testing.T) {
	t.Parallel() // it waits for blocks
	for name, c := range map[string]struct {
		edit        func(t *testing.T, state map[string]any)
		flags, says string
	}{
		"upgrade":           {passUpgrade, "", `upgrade "v9" is due at block 8 and this program does not have it: start the one that does on the same home`},
		"consensus failure": {misplaceARao, "--check-invariants 3", "consensus failed at block 3: the log says why, at CONSENSUS FAILURE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			if out, err := m.sh(placed(t, m, "agora testnet --n 1 --home /tmp/net --base-port 26600 --block-time 200ms")); err != nil {
				t.Fatal(out)
			}
			editGenesis(t, filepath.Join(m.home, "net", "node0", "config", "genesis.json"), c.edit)
			out, err := m.sh("agora node start --home ~/net/node0 " + c.flags + " > ~/node.log 2> ~/errors.txt || echo exit code $?; tail -n 1 ~/errors.txt")
			if err != nil || !strings.HasPrefix(out, "exit code 1\n") || !strings.Contains(out, c.says) {
				m.showLogs()
				t.Fatalf("%v: %s", err, out)
			}
			again, err := m.sh("timeout 60 agora node start --home ~/net/node0 " + c.flags + " > ~/again.log 2>&1 || echo exit code $?")
			if err != nil || again != "exit code 1\n" {
				m.showLogs()
				t.Fatalf("a second start: %v: %s", err, again)
			}
		})
	}
}

// editGenesis changes the application's state in a genesis file.
func editGenesis(t *testing.T, path string, edit func(*testing.T, map[string]any)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	edit(t, doc["app_state"].(map[string]any))
	if text, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// passUpgrade puts a proposal in whose vote is about to end, with the only validator's yes.
func passUpgrade(t *testing.T, state map[string]any) {
	t.Helper()
	const text = `{"starting_proposal_id": "2",
		"votes": [{"proposal_id": "1", "voter": "VOTER", "options": [{"option": "VOTE_OPTION_YES", "weight": "1.0"}]}],
		"proposals": [{"id": "1", "status": "PROPOSAL_STATUS_VOTING_PERIOD", "title": "v9", "summary": "v9", "proposer": "VOTER",
			"submit_time": "NOW", "deposit_end_time": "NOW", "voting_start_time": "NOW", "voting_end_time": "NOW",
			"final_tally_result": {"yes_count": "0", "abstain_count": "0", "no_count": "0", "no_with_veto_count": "0"},
			"messages": [{"@type": "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade", "authority": "GOV", "plan": {"name": "v9", "height": "8"}}]}]}`
	signer := state["genutil"].(map[string]any)["gen_txs"].([]any)[0].(map[string]any)["body"].(map[string]any)["messages"].([]any)[0].(map[string]any)
	operator, err := sdk.ValAddressFromBech32(signer["validator_address"].(string))
	if err != nil {
		t.Fatal(err)
	}
	voter := sdk.AccAddress(operator).String()
	filled := strings.NewReplacer("VOTER", voter, "GOV", authtypes.NewModuleAddress("gov").String(), "NOW", time.Now().UTC().Format(time.RFC3339)).Replace(text)
	gov := state["gov"].(map[string]any)
	if err := json.Unmarshal([]byte(filled), &gov); err != nil {
		t.Fatal(err)
	}
}

// misplaceARao moves one from an account to where nobody is owed it.
func misplaceARao(t *testing.T, state map[string]any) {
	t.Helper()
	bank := state["bank"].(map[string]any)
	balances := bank["balances"].([]any)
	coin := balances[0].(map[string]any)["coins"].([]any)[0].(map[string]any)
	amount, err := strconv.ParseUint(coin["amount"].(string), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	coin["amount"] = strconv.FormatUint(amount-1, 10)
	bank["balances"] = append(balances, map[string]any{
		"address": authtypes.NewModuleAddress(subnettypes.ModuleName).String(),
		"coins":   []any{map[string]any{"denom": coin["denom"], "amount": "1"}},
	})
}
