package gguf_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"agora/engine/native/gguf"
	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

func small() *modeltest.File {
	f := &modeltest.File{}
	f.Set("general.architecture", "llama")
	f.Set("list", []string{"a", "", "ccc"})
	f.Set("numbers", []int32{-1, 2})
	f.Set("flag", true)
	f.Set("half", float32(0.5))
	f.Add(modeltest.Floats("v", []float32{1, 2, 3}, 3))
	f.Add(modeltest.Random(rand.New(rand.NewPCG(1, 2)), "m", tensor.Q41, 1, 64, 3))
	return f
}

func TestFileReadsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(path, small().Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s, ok := f.Meta("general.architecture").Text(); !ok || s != "llama" {
		t.Errorf("architecture %q", s)
	}
	var list []string
	for _, s := range f.Meta("list").Strings() {
		list = append(list, s)
	}
	if strings.Join(list, ",") != "a,,ccc" {
		t.Errorf("list %q", list)
	}
	sum := 0
	for _, v := range f.Meta("numbers").Elements() {
		n, _ := v.Int()
		sum += n
	}
	flag, _ := f.Meta("flag").Bool()
	half, _ := f.Meta("half").Float()
	if _, ok := f.Meta("none").Int(); ok || sum != 1 || !flag || half != 0.5 {
		t.Errorf("%d %v %v", sum, flag, half)
	}
	v, _ := f.Tensor("v")
	if x := v.Floats(); len(x) != 3 || x[2] != 3 {
		t.Errorf("tensor v is %v", x)
	}
	if m, ok := f.Tensor("m"); !ok || len(m.Data) != 6*20 {
		t.Errorf("tensor m has %d bytes", len(m.Data))
	}
}

func TestACopyByItsKeysAndTensorsReadsAsTheFile(t *testing.T) {
	f, err := gguf.Parse(small().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var w gguf.Writer
	for _, key := range f.Keys() {
		w.Keep(key, f.Meta(key))
	}
	for _, tensor := range f.Tensors() {
		w.Add(tensor)
	}
	again, err := gguf.Parse(w.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(f.Keys(), again.Keys()) || len(f.Keys()) < 5 {
		t.Errorf("keys %v, then %v", f.Keys(), again.Keys())
	}
	for _, key := range f.Keys() {
		if !reflect.DeepEqual(f.Meta(key), again.Meta(key)) {
			t.Errorf("%s is %v, then %v", key, f.Meta(key), again.Meta(key))
		}
	}
	if !reflect.DeepEqual(f.Tensors(), again.Tensors()) {
		t.Error("tensors differ")
	}
}

// Each case damages one thing and names what the error must say.
func TestDamagedFilesAreRefusedByReason(t *testing.T) {
	good := small().Bytes()
	patch := func(old, with string) []byte { return bytes.Replace(good, []byte(old), []byte(with), 1) }
	twice := small()
	twice.Add(modeltest.Floats("v", []float32{1}, 1))
	key := small()
	key.Set("flag", false)
	odd := small()
	odd.Set("general.alignment", 24)
	foreign := small()
	foreign.Add(tensor.Tensor{Name: "x", Type: 10, Shape: []int{256}, Data: make([]byte, 84)})
	ragged := small()
	ragged.Add(tensor.Tensor{Name: "x", Type: tensor.Q80, Shape: []int{33}, Data: make([]byte, 68)})
	for name, c := range map[string]struct {
		file []byte
		is   error
		says string
	}{
		"empty":        {nil, gguf.ErrFormat, "begin"},
		"foreign":      {[]byte("PK\x03\x04 and so on"), gguf.ErrFormat, "begin"},
		"version":      {append([]byte("GGUF\x02\x00\x00\x00"), good[8:]...), gguf.ErrFormat, "version 2"},
		"tensor count": {append(append(append([]byte{}, good[:8]...), "\xff\xff\xff\xff\xff\xff\xff\x7f"...), good[16:]...), gguf.ErrDamaged, "announced"},
		"key count":    {append(append(append([]byte{}, good[:16]...), "\xff\xff\x00\x00\x00\x00\x00\x00"...), good[24:]...), gguf.ErrDamaged, "at byte"},
		"long string":  {patch("\x05\x00\x00\x00\x00\x00\x00\x00llama", "\x05\x00\x00\x00\x00\x00\x00\xf0llama"), gguf.ErrDamaged, "wanted"},
		"tensor twice": {twice.Bytes(), gguf.ErrDamaged, `"v" is there twice`},
		"key twice":    {key.Bytes(), gguf.ErrDamaged, `"flag" is there twice`},
		"alignment":    {odd.Bytes(), gguf.ErrDamaged, "alignment of 24"},
		"type":         {foreign.Bytes(), gguf.ErrUnsupported, "Q2_K"},
		"ragged row":   {ragged.Bytes(), gguf.ErrDamaged, "33 weights"},
		"cut short":    {good[:len(good)-40], gguf.ErrDamaged, "wants"},
	} {
		_, err := gguf.Parse(c.file)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range good[:len(good)-128] {
		if _, err := gguf.Parse(good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes are taken for a file", n, len(good))
		}
	}
}

// Whatever the bytes: an error or a directory whose parts lie in them, and no more memory than a few times their size.
func FuzzParse(f *testing.F) {
	f.Add(small().Bytes())
	f.Add([]byte("GGUF\x03\x00\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := modeltest.Allocated()
		file, err := gguf.Parse(data)
		if spent := modeltest.Allocated() - before; spent > uint64(16*len(data)+1<<20) {
			t.Errorf("%d bytes allocated for %d", spent, len(data))
		}
		if err != nil {
			return
		}
		for _, x := range file.Tensors() {
			weights, size, ok := x.Type.Block()
			if !ok || len(x.Data) != x.Elements()/weights*size {
				t.Fatalf("%s: %d bytes for %v", x.Name, len(x.Data), x.Shape)
			}
		}
		for _, s := range file.Meta("list").Strings() {
			_ = len(s)
		}
		for _, v := range file.Meta("numbers").Elements() {
			v.Int()
		}
	})
}
