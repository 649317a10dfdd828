package safetensors

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"agora/engine/native/modeltest"
	"agora/engine/native/tensor"
)

func file(directory string, body int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(directory)))
	b = append(b, directory...)
	for i := range body {
		b = append(b, byte(i))
	}
	return b
}

const good = `{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"v":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}`

func TestFileReadsBack(t *testing.T) {
	f, err := Parse(file(good, 16))
	if err != nil {
		t.Fatal(err)
	}
	w, ok := f.Tensor("w")
	if !ok || w.Type != tensor.BF16 || w.Shape[0] != 3 || w.Shape[1] != 2 || len(w.Data) != 12 || w.Data[1] != 1 {
		t.Errorf("%+v", w)
	}
	if _, ok := f.Tensor("x"); ok || len(f.Tensors()) != 2 {
		t.Error("a tensor that is not there")
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	swap := func(old, with string) []byte { return file(strings.Replace(good, old, with, 1), 16) }
	for name, c := range map[string]struct {
		data []byte
		is   error
	}{
		"empty":       {nil, ErrFormat},
		"foreign":     {[]byte("GGUF\x03\x00\x00\x00 and so on"), ErrFormat},
		"long":        {append([]byte("\xff\xff\xff\xff\xff\xff\xff\x7f"), good...), ErrFormat},
		"cut short":   {file(good, 15), ErrDamaged},
		"twice":       {swap(`"v"`, `"w"`), ErrDamaged},
		"type":        {swap("BF16", "F8_E4M3"), ErrUnsupported},
		"shape":       {swap("[2,3]", "[2,4]"), ErrDamaged},
		"huge":        {swap("[2,3]", "[2147483647,2147483647,2147483647]"), ErrDamaged},
		"negative":    {swap("[2,3]", "[-2,-3]"), ErrDamaged},
		"backward":    {swap("[0,12]", "[12,0]"), ErrDamaged},
		"not an end":  {file(good[:len(good)-1], 16), ErrDamaged},
		"not entries": {file(`{"w":[1]}`, 16), ErrDamaged},
	} {
		if _, err := Parse(c.data); !errors.Is(err, c.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(good, 16))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := modeltest.Allocated()
		file, err := Parse(data)
		if spent := modeltest.Allocated() - before; spent > uint64(64*len(data)+1<<20) {
			t.Errorf("%d bytes allocated for %d", spent, len(data))
		}
		if err != nil {
			return
		}
		for _, x := range file.Tensors() {
			if _, size, _ := x.Type.Block(); len(x.Data) != x.Elements()*size {
				t.Fatalf("%s: %d bytes for %v", x.Name, len(x.Data), x.Shape)
			}
		}
	})
}
