package burst

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"agora/mechanism/capacity"
)

const (
	chain  = "agora-test"
	netuid = 3
)

var voice = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))

// row is what was seen of two servers: of the second half as much.
func row(moment int64, work uint64) Row {
	return Row{Moment: moment, Lines: []Line{
		{UID: 5, Registered: 50, Own: 4, Whole: 16, Answered: 4, Work: work, Micros: 1_000_000, Receipts: []string{"signed"}},
		{UID: 6, Registered: 60, Own: 4, Whole: 16, Answered: 4, Work: work / 2, Micros: 1_000_000},
	}}
}

func open(t *testing.T, path string) *Book {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestRowsOutliveAProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "burst.db")
	b := open(t, path)
	for m := range int64(20) {
		if err := b.Keep(netuid, row(100*m, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Keep(netuid+1, row(7, 1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Hear(netuid, [32]byte{1}, []Row{row(1900, 2000)}); err != nil {
		t.Fatal(err)
	}
	before, known := b.Own(netuid), b.Known(netuid, 5000, 3, []Teller{{Voice: [32]byte{1}, Stake: 9}})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = open(t, path)
	if after := b.Own(netuid); len(after) != kept || after[0].Moment != 400 || !reflect.DeepEqual(after, before) {
		t.Errorf("after a restart there are %d rows: %+v", len(after), after)
	}
	if again := b.Known(netuid, 5000, 3, []Teller{{Voice: [32]byte{1}, Stake: 9}}); !reflect.DeepEqual(again, known) {
		t.Errorf("%+v is known, before it was %+v", again, known)
	}
}

func TestARowOfTheSameMomentReplacesTheOneBefore(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "burst.db"))
	for _, work := range []uint64{1, 2} {
		if err := b.Keep(netuid, row(9, work)); err != nil {
			t.Fatal(err)
		}
	}
	if rows := b.Own(netuid); len(rows) != 1 || rows[0].Lines[0].Work != 2 {
		t.Errorf("%+v", rows)
	}
}

// What others tell counts by their stake beside what a voice has seen itself; of moments that only a minority tells nothing is believed.
func TestOthersFillUpWhatAVoiceHasNotSeen(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "burst.db"))
	if err := b.Keep(netuid, row(300, 4000)); err != nil {
		t.Fatal(err)
	}
	for i, rows := range [][]Row{
		{row(100, 8000), row(300, 1)}, {row(100, 16000)}, {row(100, 1), row(200, 1)},
	} {
		if err := b.Hear(netuid, [32]byte{byte(i)}, rows); err != nil {
			t.Fatal(err)
		}
	}
	others := []Teller{{[32]byte{2}, 10}, {[32]byte{0}, 40}, {[32]byte{1}, 45}}
	k := b.Known(netuid, 1000, 30, others)
	if len(k.Moments) != 2 || k.Moments[0] != 100 || k.Moments[1] != 300 {
		t.Fatalf("moments %v: who tells of 200 has little stake", k.Moments)
	}
	list := k.Of(ID{5, 50})
	if f := list[0].Figure(k.Stakes()); f < 10_947_000 || f > 10_948_000 { // (40 · 8000 + 45 · 16000 + 10 · 1) ÷ 95, a thousand times
		t.Errorf("the others' mean is %d", f)
	}
	if f := list[1].Figure(k.Stakes()); f < 1_714_000 || f > 1_715_000 { // (30 · 4000 + 40 · 1) ÷ 70
		t.Errorf("with its own figure it is %d", f)
	}
	if c := Capacity(list, k.Stakes()); c < 1_582_000 || c > 1_583_000 { // (10,947,473 + 1,714,857) ÷ 8
		t.Errorf("the capacity is %d", c)
	}
	if list[0].Own != nil || list[1].Own == nil || len(list[1].Own.Receipts) != 1 {
		t.Errorf("%+v", list)
	}
	if c := Capacity(k.Of(ID{5, 51}), k.Stakes()); c != 0 {
		t.Errorf("another holder of the seat has %d", c)
	}
	if k := b.Known(netuid, 300, 30, others); len(k.Moments) != 1 {
		t.Errorf("before block 300 there are moments %v", k.Moments)
	}
}

func TestWhatIsToldIsItsVoices(t *testing.T) {
	text, signature, err := Tell(chain, netuid, []Row{row(1, 10), row(2, 20)}, voice)
	if err != nil {
		t.Fatal(err)
	}
	public := voice.Public().(ed25519.PublicKey)
	rows, err := Hear(text, signature, public, chain, netuid)
	if err != nil || len(rows) != 2 || rows[1].Lines[0].Work != 20 || rows[1].Lines[0].Receipts != nil {
		t.Fatalf("%v, %+v", err, rows)
	}
	unsorted, unsortedBy, _ := Tell(chain, netuid, []Row{row(2, 1), row(1, 1)}, voice)
	twice := row(1, 1)
	twice.Lines[1].UID = 5
	double, doubleBy, _ := Tell(chain, netuid, []Row{twice}, voice)
	for name, c := range map[string]struct {
		text      []byte
		signature string
		chain     string
		netuid    uint32
	}{
		"a changed number": {bytes.Replace(text, []byte(`"work":20`), []byte(`"work":21`), 1), signature, chain, netuid},
		"no signature":     {text, "", chain, netuid},
		"another chain":    {text, signature, "other", netuid},
		"another subnet":   {text, signature, chain, netuid + 1},
		"moments unsorted": {unsorted, unsortedBy, chain, netuid},
		"a server twice":   {double, doubleBy, chain, netuid},
		"too long":         {bytes.Repeat([]byte(" "), MaxText+1), signature, chain, netuid},
	} {
		if _, err := Hear(c.text, c.signature, public, c.chain, c.netuid); !errors.Is(err, ErrTold) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADamagedBookSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "burst.db")
	b := open(t, path)
	if err := b.Keep(netuid, row(1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.loadOwn(make([]byte, 12), []byte("{")), b.loadTold(make([]byte, 3), []byte("[]"))); err == nil || strings.Count(err.Error(), "damaged") != 2 {
		t.Errorf("damage is %v", err)
	}
}

func FuzzHear(f *testing.F) {
	text, _, err := Tell(chain, netuid, []Row{row(1, 10)}, voice)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := Hear(text, sign(text, voice), voice.Public().(ed25519.PublicKey), chain, netuid)
		if err != nil {
			return
		}
		for _, r := range rows {
			for i := range r.Lines {
				if f, _ := r.Lines[i].Sample().Figure(); f > capacity.Highest {
					t.Errorf("figure %d", f)
				}
				if r.of(r.Lines[i].ID()) == nil {
					t.Errorf("uid %d is not found", r.Lines[i].UID)
				}
			}
		}
	})
}
