package localnet

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func smallOptions(t *testing.T) Options {
	o := Defaults()
	o.Home, o.Validators, o.Miners = filepath.Join(t.TempDir(), "h"), 1, 1
	return o
}

// made is a home whose market has been open.
func made(t *testing.T, o Options) *plan {
	t.Helper()
	p, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.publish(); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAHomeIsDescribedOnceItIsTrue asks for the variables of a market that is still being made.
func TestAHomeIsDescribedOnceItIsTrue(t *testing.T) {
	o := smallOptions(t)
	p, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := Environment(o.Home); err == nil {
		t.Fatalf("a market that nobody can use is described: %v", list)
	}
	if err := p.publish(); err != nil {
		t.Fatal(err)
	}
	list, err := Environment(o.Home)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		if v.Value == "" {
			t.Errorf("%s is empty", v.Name)
		}
	}
}

func TestAHomeBeingMadeIsLeftToItsMaker(t *testing.T) {
	o := smallOptions(t)
	if _, err := prepare(o); err != nil {
		t.Fatal(err)
	}
	write(t, unfinishedFile(o.Home), strconv.Itoa(os.Getppid()))
	if _, err := prepare(o); err == nil || !strings.Contains(err.Error(), "is being made by process") {
		t.Fatalf("error %v", err)
	}
}

func TestASecondStartFindsTheSameMarket(t *testing.T) {
	o := smallOptions(t)
	first := made(t, o)
	var said strings.Builder
	o.Seed, o.Validators, o.Progress = "another", 4, &said // an existing market keeps its own
	second, err := prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	if second.Seed != first.Seed || second.file.ChainID != first.file.ChainID || second.Validators != 1 {
		t.Fatalf("resumed %q %s with %d validators", second.Seed, second.file.ChainID, second.Validators)
	}
	if !strings.Contains(said.String(), "with 1 validators") || !strings.Contains(said.String(), "--validators 4") {
		t.Errorf("nobody was told that the options do not count: %s", said.String())
	}
}

func TestBadHomesAreRefusedWithAdvice(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, o *Options)
		want  string
	}{
		"damaged description": {func(t *testing.T, o *Options) { write(t, DescriptionFile(o.Home), "{") }, "start with another --home"},
		"another layout":      {func(t *testing.T, o *Options) { write(t, DescriptionFile(o.Home), `{"layout":99}`) }, "layout 99"},
		"a node without genesis": {func(t *testing.T, o *Options) {
			if err := os.Remove(filepath.Join(nodeHome(o.Home, 0), "config", "genesis.json")); err != nil {
				t.Fatal(err)
			}
		}, "is damaged"},
		"in use": {func(t *testing.T, o *Options) {
			d, err := ReadDescription(o.Home)
			if err != nil {
				t.Fatal(err)
			}
			d.PID = os.Getppid()
			if err := d.write(o.Home); err != nil {
				t.Fatal(err)
			}
		}, "is in use by process"},
		"port in use": {func(t *testing.T, o *Options) {
			d, err := ReadDescription(o.Home)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", strings.TrimPrefix(d.RPC[0], "http://"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
		}, "is in use: stop the program that holds it"},
		"a privileged port":     {func(_ *testing.T, o *Options) { o.BasePort = 80 }, "give --base-port 1024"},
		"ports beyond the last": {func(_ *testing.T, o *Options) { o.BasePort = 65_535 }, "give --base-port 1024"},
		"no pause":              {func(_ *testing.T, o *Options) { o.BlockTime = 0 }, "give --block-time"},
		"a long pause":          {func(_ *testing.T, o *Options) { o.BlockTime = time.Hour }, "give --block-time"},
		"no home":               {func(_ *testing.T, o *Options) { o.Home = "" }, "give --home DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			o := smallOptions(t)
			made(t, o)
			c.spoil(t, &o)
			before, _ := os.ReadFile(DescriptionFile(o.Home)) // absent where there is no home
			_, err := prepare(o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			if after, _ := os.ReadFile(DescriptionFile(o.Home)); string(after) != string(before) {
				t.Error("the refusal changed the home")
			}
		})
	}
}

func TestAForeignFolderIsNotTouched(t *testing.T) {
	o := smallOptions(t)
	if err := os.MkdirAll(o.Home, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(o.Home, "letter.txt"), "dear")
	if _, err := prepare(o); err == nil || !strings.Contains(err.Error(), "holds no market") {
		t.Fatalf("error %v", err)
	}
}

func TestAHalfMadeHomeIsMadeAgain(t *testing.T) {
	o := smallOptions(t)
	if _, err := prepare(o); err != nil {
		t.Fatal(err)
	}
	if _, err := prepare(o); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
