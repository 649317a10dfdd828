package frontier_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"agora/mechanism/capacity"
	"agora/mechanism/frontier"
)

// recordedTempos is what tempos returned when this was written: what evidence is computed again from must come out alike everywhere.
const recordedTempos = "547649e34c5f0d4ccd61ee5be9acf466891e768422bc6e60589cf001f9ccb664"

func TestDigestOfManyTempos(t *testing.T) {
	if got := tempos(); got != recordedTempos {
		t.Errorf("the digest of forty markets is %s, it was %s", got, recordedTempos)
	}
}

// tempos is a hash of every figure of forty random markets of open models: bursts divided, capacities, prices, services, places, weights.
func tempos() string {
	hash := sha256.New()
	r := rand.New(rand.NewPCG(14, 1))
	for range 40 {
		b := frontier.NewBoard(frontier.DefaultRules())
		models := make([]frontier.Model, 6)
		for i := range models {
			models[i] = frontier.Model{Digest: [32]byte{byte(i + 1)}, Height: int64(i), Parameters: 1000 << r.IntN(12), Bytes: r.Uint64N(1 << 30), Share: uint32(r.IntN(300_000))}
			b.Admit(models[i])
		}
		for tempo := range uint64(30) {
			for _, m := range models {
				scores := make([]frontier.Score, 4)
				for i := range scores {
					scores[i] = frontier.Score(r.IntN(1_000_001))
				}
				if err := b.Count(m.Digest, tempo, int64(tempo)*360, scores); err != nil {
					panic(err) // the models are admitted
				}
			}
		}
		standings := b.Places(29, func([32]byte) bool { return true })
		fmt.Fprintf(hash, "%+v %+v", standings, b.Pay(29, standings, someServers(hash, r, models)))
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// someServers are sixteen servers with what five voices have seen of them.
func someServers(hash interface{ Write([]byte) (int, error) }, r *rand.Rand, models []frontier.Model) (list []frontier.Server) {
	stakes := []uint64{r.Uint64N(1 << 60), r.Uint64N(1 << 60), r.Uint64N(1 << 50), r.Uint64N(1 << 40), 0}
	offers := make([]capacity.Offer, 16)
	for i := range offers {
		slots := 1 + r.IntN(256)
		var moments [][]capacity.Seen
		for m := range 10 {
			var seen []capacity.Seen
			for voice, own := range capacity.Divide(capacity.Size(slots), stakes, [32]byte{byte(m)}, uint32(i)) {
				s := capacity.Sample{Work: r.Uint64N(1 << 30), Micros: capacity.Window(360), Own: uint64(own), Whole: uint64(capacity.Size(slots)), False: r.IntN(20) == 0}
				if f, ok := s.Figure(); ok {
					seen = append(seen, capacity.Seen{Voice: voice, Figure: f})
				}
			}
			moments = append(moments, seen)
		}
		offers[i] = capacity.Offer{Place: r.IntN(3), Price: capacity.Price(r.Uint64N(1<<40), r.Uint64N(1<<40)), Capacity: capacity.Of(moments, stakes)}
		asked := r.Uint64N(200)
		list = append(list, frontier.Server{
			UID: uint16(i), Model: models[r.IntN(len(models))].Digest, Capacity: offers[i].Capacity, Service: capacity.Service(r.Uint64N(asked+1), asked), Gate: 65535,
		})
	}
	for i, ok := range capacity.Affordable(offers, r.Uint64N(1<<42)) {
		if !ok {
			list[i].Capacity = 0
		}
	}
	fmt.Fprintf(hash, "%+v %+v", offers, list)
	return list
}

// The same digest, compiled for other processors and run as what it is.
func TestOtherProcessorsGiveTheSameTempos(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("AGORA_NIGHTLY=1 on linux/amd64: it compiles for three targets")
	}
	for name, c := range map[string]struct{ env, run string }{"v1": {"GOAMD64=v1", ""}, "v3": {"GOAMD64=v3", ""}, "arm64": {"GOARCH=arm64", "qemu-aarch64"}} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			binary := filepath.Join(t.TempDir(), "tempos")
			words := []string{binary, "-test.v", "-test.run", "^TestDigestOfManyTempos$"}
			if c.run != "" {
				path, err := exec.LookPath(c.run)
				if err != nil {
					t.Skip("install the package qemu-user to run this")
				}
				words = append([]string{path}, words...)
			}
			build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, "agora/mechanism/frontier")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", c.env)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
