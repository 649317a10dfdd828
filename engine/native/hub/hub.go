// Package hub reads a model's folder as it is published for training: config.json, tokenizer.json and safetensors files.
package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"agora/engine/native/mapping"
	"agora/engine/native/model"
	"agora/engine/native/safetensors"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

const (
	maxConfig    = 1 << 20 // bytes of config.json
	maxTokenizer = 1 << 26 // of tokenizer.json
	maxFiles     = 256
)

// Folder is an open model folder. Its tensors have the names that GGUF gives them.
type Folder struct {
	Config    model.Config
	Tokenizer *token.Tokenizer
	tensors   map[string]tensor.Tensor
	files     []*mapping.File
}

// Open reads a folder's directory and tokenizer; errors do not name it. Close it when no tensor of it is read any more.
func Open(dir string) (*Folder, error) {
	f := &Folder{tensors: map[string]tensor.Tensor{}}
	err := f.open(dir)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close gives the files' memory back.
func (f *Folder) Close() error {
	var errs []error
	for _, m := range f.files {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// Forget gives back the memory of what was read so far; tensors can be read again.
func (f *Folder) Forget() {
	for _, m := range f.files {
		m.Forget()
	}
}

// Tensor is the tensor of this name.
func (f *Folder) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := f.tensors[name]
	return t, ok
}

func (f *Folder) open(dir string) error {
	var c config
	if err := readJSON(filepath.Join(dir, "config.json"), maxConfig, &c); err != nil {
		return err
	}
	var err error
	if f.Config, err = c.shape(); err != nil {
		return err
	}
	if err := f.Config.Check(); err != nil {
		return err
	}
	if f.Tokenizer, err = readTokenizer(filepath.Join(dir, "tokenizer.json"), &c); err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(paths) == 0 || len(paths) > maxFiles {
		return fmt.Errorf("%w: %d safetensors files", model.ErrUnsupported, len(paths))
	}
	slices.Sort(paths)
	for _, p := range paths {
		if err := f.add(p, &c); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(p), err)
		}
	}
	f.ropeFactors(&c)
	return nil
}

// add takes the tensors of one file that the model reads.
func (f *Folder) add(path string, c *config) error {
	mapped, err := mapping.Open(path)
	if err != nil {
		return err
	}
	f.files = append(f.files, mapped)
	file, err := safetensors.Parse(mapped.Data)
	if err != nil {
		return err
	}
	for _, t := range file.Tensors() {
		name, ok := rename(t.Name, f.Config.Architecture)
		if !ok || name == "output.weight" && c.Tied {
			continue
		}
		t.Name = name
		if len(t.Shape) == 1 {
			t = vector(t, f.Config.Architecture == "gemma3")
		}
		f.tensors[name] = t
	}
	return nil
}

// vector makes float32 of a norm or bias. Gemma's norms are kept as what is to be added to one.
func vector(t tensor.Tensor, more bool) tensor.Tensor {
	x := t.Floats()
	for i := range x {
		if more {
			x[i]++
		}
	}
	return single(t.Name, x)
}

func readJSON(path string, most int64, v any) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: no %s in the folder; a model is config.json, tokenizer.json and safetensors, or one GGUF file", model.ErrDamaged, filepath.Base(path))
	}
	if err != nil {
		return err
	}
	if info.Size() > most {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are read", model.ErrUnsupported, filepath.Base(path), info.Size(), most)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}
