// Package hub reads a model's folder as it is published for training: config.json, tokenizer.json and safetensors files.
package hub

import (
	"encoding/json"
	"errors"
	"fmt"
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
	close     []func() error
}

// Open reads a folder's directory and tokenizer. Close it when no tensor of it is read any more.
func Open(dir string) (*Folder, error) {
	f := &Folder{tensors: map[string]tensor.Tensor{}}
	err := f.open(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return f, nil
}

// Load packs the weights. Closing the model closes the folder.
func (f *Folder) Load() (*model.Model, error) {
	m, err := model.Load(f.Config, f)
	if err != nil {
		return nil, err
	}
	m.OnClose(f.Close)
	return m, nil
}

// Close gives the files' memory back.
func (f *Folder) Close() error {
	var errs []error
	for _, c := range f.close {
		errs = append(errs, c())
	}
	f.close = nil
	return errors.Join(errs...)
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
	data, unmap, err := mapping.Open(path)
	if err != nil {
		return err
	}
	f.close = append(f.close, unmap)
	file, err := safetensors.Parse(data)
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
