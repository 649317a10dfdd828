package chat

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"agora/engine"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestLogitsAreTheGoldenBits runs a model of fixed weights: 60 positions of logits, then sampled answers with their
// log-probabilities. A change of these bits is a change of Version.
func TestLogitsAreTheGoldenBits(t *testing.T) {
	v := testVocabulary(t)
	w := tinyWeights(v)
	m, err := load(w)
	if err != nil {
		t.Fatal(err)
	}
	d, h := newDecoder(m), sha256.New()
	for pos := range 60 {
		logits, err := d.read(int32(pos * 37 % w.Vocab))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range logits {
			h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(l)))
		}
	}
	e, err := Load("tiny", w.Marshal(v), v)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range int64(20) {
		req := question("What is 12 + 30?")
		req.Temperature, req.Seed, req.TopP = ptr(0.7), ptr(seed), ptr(0.9)
		if _, _, err := e.Chat(context.Background(), req, func(tok engine.Token) error {
			h.Write(tok.Bytes)
			h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(tok.Logprob)))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	got := hex.EncodeToString(h.Sum(nil))
	const golden = "testdata/logits.sha256"
	if *update {
		if err := os.WriteFile(golden, []byte(got+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != strings.TrimSpace(string(want)) {
		t.Errorf("hash is %s, the golden one %s", got, want)
	}
}

// The compilers for these targets fuse, vectorise and round differently where the code lets them.
func TestLogitsAreTheSameOnOtherBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the standard library for other targets, a minute the first time")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the other targets run on amd64 only; TestLogitsAreTheGoldenBits covers this one")
	}
	for _, target := range [][]string{{"GOARCH=amd64", "GOAMD64=v1"}, {"GOARCH=amd64", "GOAMD64=v3"}, {"GOARCH=386"}} {
		cmd := exec.Command("go", "test", "-count=1", "-run", "^TestLogitsAreTheGoldenBits$", ".")
		cmd.Env = append(os.Environ(), append(target, "CGO_ENABLED=0", "GOFLAGS=")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", target, err, out)
		}
	}
}
