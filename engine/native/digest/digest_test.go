package digest

import (
	"errors"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/model"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

var shape = modeltest.Shape{Architecture: "llama", Types: []tensor.Type{tensor.Q41}, Embedding: tensor.Q80, Width: 64, Seed: 1}

func of(t *testing.T, file []byte) (Identity, error) {
	t.Helper()
	f, err := gguf.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return Of(f)
}

func must(t *testing.T, file []byte) Identity {
	t.Helper()
	id, err := of(t, file)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// The digest is part of what the market remembers for ever: it must not move.
func TestDigestIsTheGoldenOne(t *testing.T) {
	id := must(t, modeltest.Model(shape))
	if want := "sha256:80a7018da3130cbd5651f7592599c08904cf0490a1193aa501808194519d8901"; id.String() != want {
		t.Errorf("%s, want %s", id, want)
	}
	// 288·64 + 64 + 2·(2·64 + 64·(64+32+32+64) + 3·64·128)
	if id.Parameters != 92480 {
		t.Errorf("%d parameters", id.Parameters)
	}
}

func TestOneBitOrOneNumberOfTheShapeIsAnotherModel(t *testing.T) {
	file := modeltest.Model(shape)
	want := must(t, file)
	file[len(file)-1] ^= 1
	if must(t, file) == want {
		t.Error("a changed weight has the same digest")
	}
	other := shape
	other.Seed = 2
	if must(t, modeltest.Model(other)).Digest == want.Digest {
		t.Error("other weights have the same digest")
	}
}

func TestOutputThatIsTheEmbeddingCountsOnce(t *testing.T) {
	tied, untied := shape, shape
	untied.Output = true
	a, b := must(t, modeltest.Model(tied)), must(t, modeltest.Model(untied))
	if b.Parameters != a.Parameters+288*64 {
		t.Errorf("%d and %d parameters", a.Parameters, b.Parameters)
	}
}

func TestDeadWeightIsRefusedByName(t *testing.T) {
	f, err := gguf.Parse(modeltest.Model(shape))
	if err != nil {
		t.Fatal(err)
	}
	dead := modeltest.Floats("blk.0.padding", []float32{1, 2}, 2)
	c, table := parts(t, f)
	if _, err := Sum(c, append(f.Tensors(), dead), table); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
	if _, err := Sum(c, f.Tensors()[1:], table); err == nil {
		t.Error("a model without embeddings has a digest")
	}
	c.RopeBase++
	changed, err := Sum(c, f.Tensors(), table)
	if err != nil || changed.Digest == must(t, modeltest.Model(shape)).Digest {
		t.Errorf("another rope base has the same digest: %v", err)
	}
}

func parts(t *testing.T, f *gguf.File) (model.Config, *token.Table) {
	t.Helper()
	c, err := model.ConfigOf(f)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := token.FromGGUF(f)
	if err != nil {
		t.Fatal(err)
	}
	return c, &tok.Table
}
