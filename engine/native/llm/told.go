package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"agora/engine/native/digest"
	"agora/engine/native/hub"
	"agora/engine/native/model"
	"agora/engine/native/tensor"
	"agora/engine/native/token"
)

// told is what a model's files say of it.
type told struct {
	digest     string // empty where a file holds what its architecture does not read, so that it is no model with a name
	parameters int64
	precision  string // of most weights
}

func identify(c model.Config, tensors []tensor.Tensor, table *token.Table) told {
	var t told
	if id, err := digest.Sum(c, tensors, table); err == nil {
		t.digest, t.parameters = id.String(), id.Parameters
	}
	most, weights := 0, map[tensor.Type]int{}
	for _, one := range tensors {
		if weights[one.Type] += one.Elements(); weights[one.Type] > most {
			most, t.precision = weights[one.Type], one.Type.String()
		}
	}
	return t
}

func (t told) metadata() string {
	if t.parameters == 0 {
		return ""
	}
	return fmt.Sprintf(`{"parameters":%d}`, t.parameters)
}

// openFolder loads a folder of config.json, tokenizer.json and safetensors files.
func openFolder(dir string, o Options) (*Engine, error) {
	f, err := hub.Open(dir)
	if err != nil {
		return nil, err
	}
	source, err := folderTemplate(dir)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	var tensors []tensor.Tensor
	names, _ := f.Config.Reads()
	for _, name := range names {
		if t, ok := f.Tensor(name); ok {
			tensors = append(tensors, t)
		}
	}
	tokens := func() (*token.Tokenizer, error) { return f.Tokenizer, nil }
	e, err := build(parts{f.Tokenizer.Table, tokens, source, f.Config, f, tensors, f}, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return e, nil
}

// maxTemplate bounds the files with a folder's chat template.
const maxTemplate = 16 << 20

// folderTemplate is the program in chat_template.jinja, else in tokenizer_config.json; empty where there is none.
func folderTemplate(dir string) (string, error) {
	source, err := readSmall(filepath.Join(dir, "chat_template.jinja"))
	if err != nil || len(source) > 0 {
		return string(source), err
	}
	raw, err := readSmall(filepath.Join(dir, "tokenizer_config.json"))
	if err != nil || len(raw) == 0 {
		return "", err
	}
	var config struct {
		Template json.RawMessage `json:"chat_template"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return "", fmt.Errorf("tokenizer_config.json: %w", err)
	}
	var text string
	if json.Unmarshal(config.Template, &text) != nil {
		return "", nil // a list of several: none of them is the model's own
	}
	return text, nil
}

// readSmall reads a file that need not be there.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxTemplate {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", path, info.Size(), maxTemplate)
	}
	return os.ReadFile(path)
}
