package localnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"agora/engine"
	"agora/engine/native/gguf"
	"agora/engine/native/ladder"
	"agora/engine/native/llm"
	"agora/engine/native/store"
	"agora/engine/native/tensor"
	"agora/mechanism/frontier"
	"agora/miner/enrolment"
	"agora/validator/daemon"
	"agora/wire/openai"
)

// Copies of a model that ships, as files of the check's. What each is called is its name on the chain.
const (
	halfName   = "half"   // the second half of every matrix is zero
	tiedName   = "tied"   // one number is another by its last bit: as good to every digit, under a digest of its own
	paddedName = "padded" // as good to every bit, and more than four times the parameters, of which most do nothing
	rulesName  = "rules"  // no model at all, a program that adds under the digest of another one's model
)

const padding = 4 // times the parameters that a padded copy has at least

// rivals are a model and copies of it.
type rivals struct {
	dir                       string
	files                     *store.Store
	whole, half, tied, padded store.Entry
}

// newRivals writes them.
func newRivals(ctx context.Context) (r *rivals, err error) {
	r = &rivals{}
	if r.dir, err = os.MkdirTemp("", "agora-rivals"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(r.dir))
		}
	}()
	if r.files, err = store.Open(filepath.Join(r.dir, "store")); err != nil {
		return nil, err
	}
	card, ok := ladder.Named(rivalName)
	if !ok {
		return nil, fmt.Errorf("no model %s ships", rivalName)
	}
	file, err := card.File()
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		to   *store.Entry
		name string
		make func([]byte) ([]byte, error)
	}{
		{&r.whole, rivalName, func(file []byte) ([]byte, error) { return file, nil }},
		{&r.half, halfName, halved},
		{&r.tied, tiedName, nudged},
		{&r.padded, paddedName, padded},
	} {
		made, err := c.make(file)
		if err != nil {
			return nil, err
		}
		if *c.to, err = r.keep(ctx, c.name, made); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *rivals) keep(ctx context.Context, name string, file []byte) (store.Entry, error) {
	path := filepath.Join(r.dir, name+".gguf")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return store.Entry{}, err
	}
	return r.files.Get(ctx, store.Wanted{From: path, Name: name, Licence: "MIT"})
}

// halved is a model's file with the second half of every matrix zeroed: a block of zeros is a block of weights that are zero.
func halved(file []byte) ([]byte, error) {
	out := append([]byte{}, file...)
	g, err := gguf.Parse(out)
	if err != nil {
		return nil, err
	}
	for _, t := range g.Tensors() { // their data lie in out
		if len(t.Shape) > 1 {
			_, block, _ := t.Type.Block()
			clear(t.Data[len(t.Data)/block/2*block:])
		}
	}
	return out, nil
}

// nudged is a model's file with the last bit of its first gain turned.
func nudged(file []byte) ([]byte, error) {
	out := append([]byte{}, file...)
	g, err := gguf.Parse(out)
	if err != nil {
		return nil, err
	}
	for _, t := range g.Tensors() {
		if t.Type == tensor.F32 {
			t.Data[0] ^= 1 // of the fraction: numbers are little-endian
			return out, nil
		}
	}
	return nil, errors.New("the model has no gains")
}

// padded is a model's file with layers behind its own that add nothing: what would leave them is zero.
func padded(file []byte) ([]byte, error) {
	g, err := gguf.Parse(file)
	if err != nil {
		return nil, err
	}
	const layers = "llama.block_count"
	have, ok := g.Meta(layers).Int()
	if !ok || have < 1 {
		return nil, fmt.Errorf("the model does not say %s", layers)
	}
	last := fmt.Sprintf("blk.%d.", have-1)
	all, one := 0, 0
	var layer []tensor.Tensor
	for _, t := range g.Tensors() {
		all += t.Elements()
		if strings.HasPrefix(t.Name, last) {
			one += t.Elements()
			layer = append(layer, t)
		}
	}
	more := int(math.Ceil(float64((padding-1)*all) / float64(one)))
	var w gguf.Writer
	for _, key := range g.Keys() {
		if key == layers {
			w.Set(key, have+more)
		} else {
			w.Keep(key, g.Meta(key))
		}
	}
	for _, t := range g.Tensors() {
		w.Add(t)
	}
	for i := range more {
		for _, t := range layer {
			name := strings.TrimPrefix(t.Name, last)
			if t.Name = fmt.Sprintf("blk.%d.%s", have+i, name); name == "attn_output.weight" || name == "ffn_down.weight" {
				t.Data = make([]byte, len(t.Data))
			}
			w.Add(t)
		}
	}
	return w.Bytes(), nil
}

// rules answers sums and says that it does not know the rest. It names the weights that its card tells.
type rules struct{ card engine.Info }

func (r rules) Info() engine.Info { return r.card }

// Chat implements engine.Chatter.
func (rules) Chat(_ context.Context, r *openai.ChatRequest, emit func(engine.Token) error) (openai.Usage, engine.Finish, error) {
	text, a, b := "I do not know.", 0, 0
	if n := len(r.Messages); n > 0 {
		if _, err := fmt.Sscanf(string(r.Messages[n-1].Content), "What is %d + %d?", &a, &b); err == nil {
			text = fmt.Sprint(a + b)
		}
	}
	return openai.Usage{PromptTokens: 1, CompletionTokens: 1, TotalTokens: 2}, engine.FinishStop, emit(engine.Token{Bytes: []byte(text)})
}

// cheat is one that takes part in the chat market: a server, and what it serves.
type cheat struct {
	uid    uint32
	name   string
	entry  store.Entry // empty for a program
	found  daemon.Examined
	earned uint64 // rao that the chain has paid for its model when the check began
	behind bool   // a voice held it to be later in the list than a model of its size with a place, in which its server then has a part
	paid   bool
}

// copies publishes copies of a model in the chat market and serves them, and a program that names no weights beside them. Every validator
// examines each copy, none takes a place, and every honest model keeps the place that it had. None is paid, but for a copy that in an older
// market is told from models of a quarter of its size: its server has at most half of what the original's have.
func (c *checker) copies(ctx context.Context, r *rivals) (_ string, err error) {
	before, err := c.allPlaced(ctx)
	if err != nil {
		return "", err
	}
	uid, stop, err := c.program(ctx)
	if err != nil {
		return "", err
	}
	defer stop()
	cheats := []cheat{{uid: uid, name: rulesName}}
	for _, e := range []store.Entry{r.half, r.tied, r.padded} {
		if _, err := c.publish(ctx, chatNet, e); err != nil {
			return "", err
		}
		earned, err := c.earned(ctx, e)
		if err != nil {
			return "", err
		}
		uid, stop, err := c.serveFile(ctx, chatNet, r, e)
		if err != nil {
			return "", err
		}
		defer stop()
		cheats = append(cheats, cheat{uid: uid, name: e.Name, entry: e, earned: earned})
	}
	for i := range cheats[1:] {
		if err := c.placeless(ctx, &cheats[1+i]); err != nil {
			return "", err
		}
	}
	if err := c.given(ctx, r); err != nil {
		return "", err
	}
	if err := c.unpaid(ctx, cheats); err != nil {
		return "", err
	}
	after, err := c.places(ctx)
	if err != nil {
		return "", err
	}
	for name, place := range before {
		if after[name] != place {
			return "", fmt.Errorf("%s had place %d before the copies came and has %d beside them", name, place, after[name])
		}
	}
	return tellCheats(cheats, len(c.file.Gateways), len(after)), nil
}

// program serves rules in the chat market: under no digest, for which nobody is let in, and then under the rival's.
func (c *checker) program(ctx context.Context) (uid uint32, stop func(), err error) {
	owner, err := c.coldKey(contestBy)
	if err != nil {
		return 0, nil, err
	}
	card, ok := ladder.Named(rivalName)
	if !ok {
		return 0, nil, fmt.Errorf("no model %s ships", rivalName)
	}
	info := engine.Info{Model: rulesName, Engine: "native", Version: llm.Version, Licence: "MIT", Context: card.Context}
	g := guest{netuid: chatNet, hot: keys(c.file.Seed).hot(rulesName), owner: owner, limit: contestPay, engine: rules{info}}
	if _, stop, err := c.serve(ctx, g); !errors.Is(err, enrolment.ErrUnlisted) {
		if err == nil {
			stop()
		}
		return 0, nil, fmt.Errorf("a program without weights is let into a market of open models: %w", err)
	}
	info.Digest = card.Digest
	g.engine = rules{info}
	return c.serve(ctx, g)
}

func tellCheats(cheats []cheat, validators, honest int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d validators fetched copies of %s from their servers and examined them", validators, rivalName)
	for _, ch := range cheats[1:] {
		fmt.Fprintf(&b, "; %s %.3f (%s)", ch.name, capabilityOf(ch.found), ch.found.Why)
		if ch.paid {
			fmt.Fprintf(&b, ", whose server had less than half of what those of %s have", rivalName)
		}
	}
	fmt.Fprintf(&b, "; a program of rules and the others earned 0, and %d honest models kept their places", honest)
	return b.String()
}

// places are those of the models that the market's author published, as the first gateway tells.
func (c *checker) places(ctx context.Context) (map[string]int, error) {
	e, err := daemon.FetchExamination(ctx, c.file.Gateways[0].URL, chatNet)
	if err != nil {
		return nil, err
	}
	places := map[string]int{}
	for _, m := range e.Models {
		if _, honest := ladder.Named(m.Name); honest {
			places[m.Name] = m.Place
		}
	}
	return places, nil
}

// allPlaced waits until every honest model has a place, as those of a market that has just begun do not yet.
func (c *checker) allPlaced(ctx context.Context) (places map[string]int, err error) {
	err = c.await(ctx, placeWithin, "every honest model has a place", func() (bool, error) {
		places, err = c.places(ctx)
		return len(places) > 0 && !slices.Contains(slices.Collect(maps.Values(places)), 0), err
	})
	return places, err
}

// placeless waits until every validator has examined a copy, and holds it to have no place.
func (c *checker) placeless(ctx context.Context, ch *cheat) (err error) {
	ch.found, err = c.examinedBy(ctx, chatNet, ch.entry.Digest, func(e daemon.Examined) bool { return e.Items >= readyItems })
	if err == nil && ch.found.Place > 0 {
		err = fmt.Errorf("%s, a copy of %s, has place %d", ch.name, rivalName, ch.found.Place)
	}
	return err
}

// unpaid watches some epochs in which no cheat may be paid, but as the rules have it of one that is behind its original.
func (c *checker) unpaid(ctx context.Context, cheats []cheat) error {
	for range tempoPaid {
		for i := range cheats[1:] {
			c.look(ctx, &cheats[1+i])
		}
		record, err := c.afterEpochs(ctx, chatNet, 1)
		if err != nil {
			return err
		}
		in := incentives(record)
		most := c.leastOf(rivalName, in) / 2
		for i := range cheats {
			if err := cheats[i].due(in[cheats[i].uid], most); err != nil {
				return err
			}
		}
	}
	for _, ch := range cheats[1:] {
		earned, err := c.earned(ctx, ch.entry)
		if err == nil && earned > ch.earned && !ch.behind {
			err = fmt.Errorf("the chain paid %d rao for %s", earned-ch.earned, ch.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look notes whether a voice holds a copy to be behind a model of its size.
func (c *checker) look(ctx context.Context, ch *cheat) {
	c.examined(ctx, chatNet, ch.entry.Digest, func(e daemon.Examined) bool {
		ch.behind = ch.behind || e.Why == frontier.Dominated.String()
		return true
	})
}

// due holds a cheat's incentive to what may be paid for it: nothing, or at most so much where it is behind its original.
func (ch *cheat) due(in, most uint32) error {
	switch {
	case in == 0:
		return nil
	case !ch.behind:
		return fmt.Errorf("uid %d has an incentive of %d for %s", ch.uid, in, ch.name)
	case in > most:
		return fmt.Errorf("uid %d has an incentive of %d for %s, more than half of what servers of %s have, which is %d", ch.uid, in, ch.name, rivalName, most)
	}
	ch.paid = true
	return nil
}

// leastOf is the least incentive of the market's own servers of a model.
func (c *checker) leastOf(model string, in map[uint32]uint32) uint32 {
	least := uint32(math.MaxUint16)
	for _, m := range c.minersOf(chatNet) {
		if m.Model == model {
			least = min(least, in[m.UID])
		}
	}
	return least
}

// earned is what the chain has paid for a model so far, in rao.
func (c *checker) earned(ctx context.Context, e store.Entry) (uint64, error) {
	listed, err := c.chain.Model(ctx, chatNet, e.Digest)
	return listed.Model.Earned, err
}
