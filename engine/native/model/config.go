package model

import (
	"errors"
	"fmt"

	"agora/engine/native/gguf"
)

// Errors that callers tell apart; each is wrapped with the name of what was found.
var (
	ErrUnsupported = errors.New("this model is not supported")
	ErrDamaged     = errors.New("this model's file contradicts itself, get it again or ask who made it")
)

// Config is the shape of a model.
type Config struct {
	Architecture string // llama, qwen2, qwen3, gemma3
	Name         string // the file's own, for people
	Layers       int
	Width        int // of the residual stream
	Hidden       int // of the feed-forward part
	Heads        int
	KVHeads      int
	Head         int // numbers per head
	Rotary       int // of them that turn with the position
	Context      int // tokens that the model was made for
	Epsilon      float32
	RopeBase     float64
	RopeLocal    float64 // base of the layers with a window
	RopeFactor   float64 // positions are divided by it in layers without a window
	Window       int     // tokens that windowed layers look back, themselves included; 0 for none
	Pattern      int     // every Pattern-th layer has no window
	Adjacent     bool    // rotary pairs are 2i, 2i+1 rather than i, i+Rotary/2
	GELU         bool
	ScaleEmbed   bool // embeddings times √Width
}

// limits of shapes: more than any model that a processor can run, little enough that no size overflows.
const (
	maxLayers  = 512
	maxWidth   = 1 << 16
	maxHidden  = 1 << 18
	maxHeads   = 1 << 10
	maxHead    = 1 << 10
	maxContext = 1 << 24
	maxVocab   = 1 << 21
)

// windowed says whether a layer looks back through the window only.
func (c *Config) windowed(layer int) bool { return c.Window > 0 && (layer+1)%c.Pattern != 0 }

// ConfigOf reads a GGUF file's metadata.
func ConfigOf(f *gguf.File) (Config, error) {
	arch, _ := f.Meta("general.architecture").Text()
	switch arch {
	case "llama", "qwen2", "qwen3", "gemma3":
	default:
		return Config{}, fmt.Errorf("%w: architecture %q; llama, qwen2, qwen3 and gemma3 are", ErrUnsupported, arch)
	}
	num := func(key string) int { n, _ := f.Meta(arch + "." + key).Int(); return n }
	float := func(key string, otherwise float64) float64 {
		if v, ok := f.Meta(arch + "." + key).Float(); ok {
			return v
		}
		return otherwise
	}
	c := Config{
		Architecture: arch, Layers: num("block_count"), Width: num("embedding_length"), Hidden: num("feed_forward_length"),
		Heads: num("attention.head_count"), KVHeads: num("attention.head_count_kv"), Head: num("attention.key_length"),
		Rotary: num("rope.dimension_count"), Context: num("context_length"), Epsilon: float32(float("attention.layer_norm_rms_epsilon", 0)),
		RopeBase: float("rope.freq_base", 10000), RopeFactor: 1, Adjacent: arch == "llama",
	}
	c.Name, _ = f.Meta("general.name").Text()
	c.fill(num("attention.value_length"))
	if err := c.ropeScaling(f); err != nil {
		return c, err
	}
	if num("expert_count") > 0 {
		return c, fmt.Errorf("%w: it has %d experts", ErrUnsupported, num("expert_count"))
	}
	if arch == "gemma3" {
		c.gemma(num("attention.sliding_window"))
		if num("attention.key_length") != num("attention.value_length") {
			return c, fmt.Errorf("%w: keys and values of different length", ErrUnsupported)
		}
	}
	return c, c.Check()
}

// fill sets what files leave out.
func (c *Config) fill(values int) {
	if c.KVHeads == 0 {
		c.KVHeads = c.Heads
	}
	if c.Head == 0 && c.Heads > 0 {
		c.Head = c.Width / c.Heads
	}
	if c.Rotary == 0 {
		c.Rotary = c.Head
	}
	if values != 0 && values != c.Head {
		c.Head = -1 // refused by Check
	}
}

// gemma sets what the architecture knows and the file does not say.
func (c *Config) gemma(window int) {
	c.GELU, c.ScaleEmbed, c.RopeLocal, c.Window, c.Pattern = true, true, 10000, window, 6
}

func (c *Config) ropeScaling(f *gguf.File) error {
	kind, ok := f.Meta(c.Architecture + ".rope.scaling.type").Text()
	if !ok || kind == "none" {
		return nil
	}
	factor, _ := f.Meta(c.Architecture + ".rope.scaling.factor").Float()
	if kind != "linear" || !(factor >= 1 && factor <= 1024) {
		return fmt.Errorf("%w: rope scaling %q by %v; linear is", ErrUnsupported, kind, factor)
	}
	c.RopeFactor = factor
	return nil
}

// Check bounds every number, so that no later product overflows, no loop runs past an array and no angle is beyond sines.
func (c *Config) Check() error {
	for _, v := range []struct {
		name     string
		n, most  int
		multiple int
	}{
		{"layers", c.Layers, maxLayers, 1},
		{"width", c.Width, maxWidth, 32},
		{"feed-forward width", c.Hidden, maxHidden, 32},
		{"heads", c.Heads, maxHeads, 1},
		{"key heads", c.KVHeads, maxHeads, 1},
		{"head size", c.Head, maxHead, 16},
		{"rotary size", c.Rotary, maxHead, 2},
		{"context", c.Context, maxContext, 1},
	} {
		if v.n < 1 || v.n > v.most || v.n%v.multiple != 0 {
			return fmt.Errorf("%w: %s is %d, want a multiple of %d up to %d", ErrUnsupported, v.name, v.n, v.multiple, v.most)
		}
	}
	if c.Heads%c.KVHeads != 0 || c.Rotary > c.Head || c.Heads*c.Head%32 != 0 || c.Window < 0 {
		return fmt.Errorf("%w: %d heads of %d for %d key heads, %d rotary, window %d", ErrUnsupported, c.Heads, c.Head, c.KVHeads, c.Rotary, c.Window)
	}
	if c.Window > 0 && (c.Pattern < 1 || !base(c.RopeLocal)) {
		return fmt.Errorf("%w: every layer but each %d-th has a window, rope base %v", ErrDamaged, c.Pattern, c.RopeLocal)
	}
	if !(c.Epsilon > 0 && c.Epsilon < 1) || !base(c.RopeBase) || !(c.RopeFactor >= 1 && c.RopeFactor <= 1024) {
		return fmt.Errorf("%w: epsilon %v, rope base %v, factor %v", ErrDamaged, c.Epsilon, c.RopeBase, c.RopeFactor)
	}
	return nil
}

// base says whether rotary pairs can turn by powers of x.
func base(x float64) bool { return x >= 1 && x <= 1e12 }
