package types_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/chain/x/subnet/types"
)

var update = flag.Bool("update", false, "rewrite docs/parameters.md")

func TestEveryParameterIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range types.Table() {
		if p.Name == "" || p.Unit == "" || !strings.HasSuffix(p.Reason, ".") || seen[p.Name] {
			t.Errorf("row %+v", p)
		}
		if p.Who != types.ByOwner && p.Who != types.ByGovernance {
			t.Errorf("%s is changed by %q", p.Name, p.Who)
		}
		if err := p.Check(p.Default); err != nil {
			t.Error(err)
		}
		seen[p.Name] = true
	}
}

func TestTheTableCannotBeChangedThroughItsCopy(t *testing.T) {
	types.Table()[0].Default = -1
	if types.Table()[0].Default == -1 {
		t.Error("the copy is the table")
	}
}

// TestDocsShowTheTable compares docs/parameters.md with the table; -update rewrites it.
func TestDocsShowTheTable(t *testing.T) {
	path := filepath.Join("..", "..", "..", "..", "docs", "parameters.md")
	want := document()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is out of date: go test ./chain/x/subnet/types -run TestDocsShowTheTable -update", path)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString("# Hyperparameters of a subnet\n\n")
	b.WriteString("Written by `go test ./chain/x/subnet/types -run TestDocsShowTheTable -update` from the one table in\n")
	b.WriteString("`chain/x/subnet/types/parameter.go`; `agora query subnet parameters NETUID` shows the values in force.\n\n")
	b.WriteString("The owner of a subnet changes each of his parameters at most once per 2 tempos. A proposal changes every one\n")
	b.WriteString("within the bounds at any time. An epoch reads what was in force when its tempo began: a change waits for the next.\n\n")
	b.WriteString("What emission is divided by, what withholds it and what an owner gets of it are parameters of the whole network, in\n")
	b.WriteString("the table of [x/emission](../chain/x/emission/README.md); an epoch reads the owner's share as it was then, too.\n\n")
	b.WriteString("| name | unit | default | bounds | who | reason |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, p := range types.Table() {
		fmt.Fprintf(&b, "| `%s` | %s | %d | %d..%d | %s | %s |\n", p.Name, p.Unit, p.Default, p.Min, p.Max, p.Who, p.Reason)
	}
	b.WriteString("\nOnce a subnet has started, another `openness` and a higher `author_share` wait for the module's `notice_seconds` (14 days;\n")
	b.WriteString("two tempos on a local network) before the next tempo takes them.\n\n`licences` adds up the values of the licences that a subnet takes:\n\n| licence | value |\n| --- | --- |\n")
	for i, licence := range types.LicenceBits() {
		fmt.Fprintf(&b, "| %s | %d |\n", licence, 1<<i)
	}
	return b.String()
}
