package evidence

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"agora/mechanism/capacity"
	"agora/mechanism/frontier"
	"agora/validator/audit"
	"agora/validator/burst"
	"agora/validator/exam"
	"agora/wire"
	"agora/wire/receipt"
)

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))

// told is evidence of n servers of two models.
func told(n int) *Evidence {
	e := &Evidence{ChainID: "agora-test", NetUID: 1, Epoch: 9, Voice: wire.PeerID(key.Public().(ed25519.PublicKey))}
	for i := range 2 {
		e.Models = append(e.Models, Model{Digest: exam.SpellDigest([32]byte{byte(i)}), Items: 40, Capability: 900_000, Place: i + 1, Depth: 1, Why: frontier.Placed.String()})
	}
	for i := range uint32(n) {
		e.Servers = append(e.Servers, Server{UID: i, Registered: uint64(i), Digest: e.Models[i%2].Digest, Paid: i != 1, Why: "an answer in tempo 8 was its model's"})
		e.UIDs, e.Weights = append(e.UIDs, i), append(e.Weights, 1000+i)
	}
	return e
}

func TestEvidenceIsItsVoices(t *testing.T) {
	text, signature, err := Sign(told(3), key)
	if err != nil {
		t.Fatal(err)
	}
	e, voice, err := Read(text, signature)
	if err != nil || e.Epoch != 9 || !voice.Equal(key.Public()) {
		t.Fatalf("%v, %+v", err, e)
	}
	paid := e.Paid()
	servers, err := e.ServersAt()
	if err != nil || !paid(servers[0]) || paid(servers[1]) || paid(exam.Server{UID: 7}) {
		t.Errorf("%v: %v", err, servers)
	}
	for name, change := range map[string]func() ([]byte, string){
		"a weight":     func() ([]byte, string) { return bytes.Replace(text, []byte("1001"), []byte("1009"), 1), signature },
		"a signature":  func() ([]byte, string) { return text, "A" + signature[1:] },
		"no signature": func() ([]byte, string) { return text, "" },
		"another voice": func() ([]byte, string) {
			return bytes.Replace(text, []byte(`"voice":"1`), []byte(`"voice":"2`), 1), signature
		},
		"no JSON": func() ([]byte, string) { return text[1:], signature },
	} {
		text, signature := change()
		if _, _, err := Read(text, signature); !errors.Is(err, ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheFirstDifferenceIsNamed(t *testing.T) {
	own := told(3)
	if err := told(3).Compare(own.Models, own.UIDs, own.Weights); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Evidence){
		"model 2 of the list": func(e *Evidence) { e.Models[1].Capability++ },
		"tells of 1 models":   func(e *Evidence) { e.Models = e.Models[:1] },
		"weighs 2 servers":    func(e *Evidence) { e.UIDs = e.UIDs[:2] },
		"uid 2 has 7":         func(e *Evidence) { e.Weights[2] = 7 },
		"uid 5 has 1001":      func(e *Evidence) { e.UIDs[1] = 5 },
	} {
		e := told(3)
		change(e)
		if err := e.Compare(own.Models, own.UIDs, own.Weights); !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %q", err, says)
		}
	}
}

// A full subnet's evidence fits the bound, and one server takes what the docs say.
func TestEvidenceIsBounded(t *testing.T) {
	const servers, models = 256, 1024
	e := told(servers)
	for len(e.Models) < models {
		e.Models = append(e.Models, e.Models[0])
	}
	bare, _, err := Sign(e, key)
	if err != nil {
		t.Fatal(err)
	}
	for m := range int64(capacity.Moments) {
		e.Moments = append(e.Moments, 1<<40+m)
	}
	for i := range burst.MaxTellers {
		e.Tellers = append(e.Tellers, Teller{e.Voice, 1<<60 + uint64(i)})
	}
	for i := range e.Servers {
		e.Servers[i].HotKey = e.Voice
		for n, m := range e.Moments {
			line := &burst.Line{UID: 255, Registered: 1 << 30, Own: 256, Whole: 256, Answered: 256, Work: 1 << 40, Consumers: 1 << 40, Micros: 1 << 30, False: true}
			if n == capacity.Moments-1 {
				line.Receipts = slices.Repeat([]string{strings.Repeat("A", 528)}, burst.MaxReceipts)
			}
			var told [][2]uint64
			for teller := range uint64(burst.MaxTellers) {
				told = append(told, [2]uint64{teller, 1 << 30})
			}
			e.Servers[i].Measured = append(e.Servers[i].Measured, burst.Measured{Moment: m, Own: line, Told: told})
		}
		e.Servers[i].Example = &audit.Claim{
			Receipt: strings.Repeat("A", 400), Request: strings.Repeat("q", 500), Answer: strings.Repeat("a", 400), Tokens: strings.Repeat("T", 200),
		}
	}
	full, _, err := Sign(e, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d servers and %d models: %d bytes, %d with examples", servers, models, len(bare), len(full))
	e.Servers[0].Why = strings.Repeat("x", MaxSize)
	if _, _, err := Sign(e, key); err == nil || !strings.Contains(err.Error(), fmt.Sprint(MaxSize)) {
		t.Errorf("too much is told: %v", err)
	}
}

// measured is evidence of a server with a receipt of each of three answers at the last of two moments.
func measured(t *testing.T) *Evidence {
	t.Helper()
	e := told(1)
	server := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{4}, 32))
	digest, _ := exam.ParseDigest(e.Servers[0].Digest)
	line := &burst.Line{Own: 4, Whole: 16, Answered: 3, Work: 3*capacity.Work(20, 10) + 7, Consumers: 7, Micros: 1_000_000}
	for i := range byte(3) {
		signed, err := receipt.Sign(&receipt.Receipt{
			ChainID: e.ChainID, Netuid: e.NetUID, Voice: [32]byte(key.Public().(ed25519.PublicKey)), Nonce: [16]byte{9, 8: i}, Digest: digest, Prompt: 20, Completion: 10,
		}, server)
		if err != nil {
			t.Fatal(err)
		}
		line.Receipts = append(line.Receipts, signed)
	}
	e.Moments = []int64{100, 200}
	e.Tellers, e.Stake = []Teller{{e.Voice, 10}}, 30
	e.Servers[0].HotKey = wire.PeerID(server.Public().(ed25519.PublicKey))
	e.Servers[0].Measured = []burst.Measured{{Moment: 100, Told: [][2]uint64{{0, 640}}}, {Moment: 200, Own: line, Told: [][2]uint64{{0, 8000}}}}
	return e
}

func TestCapacityFollowsFromReceipts(t *testing.T) {
	half := func(int64) ([8]byte, bool) { return [8]byte{9}, true }
	e := measured(t)
	if n, err := e.Sound(half); err != nil || n != 3 {
		t.Errorf("%d receipts: %v", n, err)
	}
	servers, err := e.ServersAt()
	if err != nil {
		t.Fatal(err)
	}
	if c, want := e.Can()(servers[0]), uint64(640+187_000*3/4+8_000/4)/capacity.Moments; c != want {
		t.Errorf("the capacity is %d, want %d", c, want)
	}
	if told(1).Can() != nil {
		t.Error("where nothing was measured all are alike")
	}
	for says, change := range map[string]func(*Evidence, *burst.Line){
		"twice":            func(_ *Evidence, l *burst.Line) { l.Receipts[1] = l.Receipts[0] },
		"answers to":       func(_ *Evidence, l *burst.Line) { l.Answered = 2 },
		"4 requests":       func(_ *Evidence, l *burst.Line) { l.Answered = 17 },
		"quarters":         func(_ *Evidence, l *burst.Line) { l.Work = 100 },
		"another's":        func(e *Evidence, l *burst.Line) { l.UID, e.Servers[0].UID = 1, 1 },
		"another server":   func(_ *Evidence, l *burst.Line) { l.Registered = 5 },
		"signature":        func(e *Evidence, _ *burst.Line) { e.Servers[0].HotKey = e.Voice },
		"1 of 2 moments":   func(e *Evidence, _ *burst.Line) { e.Servers[0].Measured = e.Servers[0].Measured[1:] },
		"in place of":      func(e *Evidence, _ *burst.Line) { e.Moments[0]++ },
		"9 moments":        func(e *Evidence, _ *burst.Line) { e.Moments = make([]int64, 9) },
		"another's voice":  func(e *Evidence, _ *burst.Line) { e.Voice = e.Servers[0].HotKey },
		"of another tempo": nil,
	} {
		e, half := measured(t), half
		if change == nil {
			half = func(int64) ([8]byte, bool) { return [8]byte{8}, true }
		} else {
			change(e, e.Servers[0].Measured[1].Own)
		}
		says = strings.TrimSuffix(says, " voice")
		if _, err := e.Sound(half); !errors.Is(err, ErrForged) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %q", err, says)
		}
	}
}

func FuzzRead(f *testing.F) {
	text, signature, err := Sign(told(2), key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, signature)
	f.Fuzz(func(t *testing.T, other []byte, signature string) {
		e, _, err := Read(other, signature)
		if err == nil && e.Voice == wire.PeerID(key.Public().(ed25519.PublicKey)) && !bytes.Equal(other, text) {
			t.Errorf("%.200s is taken for what the voice signed", other)
		}
	})
}
