package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"agora/engine"
)

// told is what servers say of a model in GET /v1/models beyond OpenAI's fields: llama.cpp in "meta", vLLM and others
// beside the id.
type told struct {
	ID          string `json:"id"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len"` // vLLM, SGLang
	Meta        struct {
		Context    int    `json:"n_ctx"`
		Parameters uint64 `json:"n_params"`
		Size       uint64 `json:"size"` // bytes of the weights
		Type       string `json:"ftype"`
	} `json:"meta"`
}

// owners are what servers call themselves under owned_by.
var owners = []string{"llamacpp", "vllm", "sglang", "library", "localai", "lmstudio"}

// describe asks what the server tells of its model. What it does not tell stays empty.
func (b *Backend) describe(ctx context.Context) engine.Info {
	info := engine.Info{Model: publicName(b.opt.Model), Engine: "openai"}
	var list struct {
		Data []told `json:"data"`
	}
	if b.ask(ctx, http.MethodGet, "/models", nil, &list) != nil {
		return info
	}
	i := slices.IndexFunc(list.Data, func(t told) bool { return t.ID == b.opt.Model || t.ID == b.opt.Model+":latest" })
	if i < 0 {
		return info
	}
	t := list.Data[i]
	info.Context = max(t.Meta.Context, t.MaxModelLen, 0)
	info.Precision = t.Meta.Type
	if info.Precision == "" {
		info.Precision = quantisation.FindString(t.ID)
	}
	if slices.Contains(owners, t.OwnedBy) {
		info.Version = t.OwnedBy
	}
	info.Metadata = t.metadata()
	return info
}

// publicName is a model's name for others: llama.cpp without an alias names the file's whole path on the operator's disk.
func publicName(name string) string {
	if strings.HasPrefix(name, "/") || strings.ContainsRune(name, '\\') {
		name = name[strings.LastIndexAny(name, `/\`)+1:]
	}
	return strings.TrimSuffix(name, ".gguf")
}

// quantisation is how files of weights say it in their names: Q4_K_M, Q8_0, IQ2_XS, F16, BF16, FP8, INT4, AWQ.
var quantisation = regexp.MustCompile(`(?i)\b(i?q\d(_[a-z0-9]+){0,2}|b?f16|f32|fp8|int[48]|awq|gptq|mxfp4)\b`)

// metadata is the rest in JSON, as the card carries it; empty where nothing was told.
func (t told) metadata() string {
	fields := map[string]uint64{}
	if t.Meta.Parameters > 0 {
		fields["parameters"] = t.Meta.Parameters
	}
	if t.Meta.Size > 0 {
		fields["bytes"] = t.Meta.Size
	}
	if len(fields) == 0 {
		return ""
	}
	text, err := json.Marshal(fields)
	if err != nil { // numbers always marshal
		return ""
	}
	return string(text)
}

// templated finds out whether the server turns messages into text with a template of the model's own. A base model has
// none; llama.cpp then quietly uses ChatML, whose markers such a model repeats. Only servers that tell are asked.
func (b *Backend) templated(ctx context.Context) (known, has bool) {
	root := *b.base
	root.Path = strings.TrimSuffix(root.Path, "/v1") + "/props"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, root.String(), nil)
	if err != nil {
		return false, false
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return false, false
	}
	defer resp.Body.Close()
	var props struct {
		Template *string `json:"chat_template"`
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxProbe)).Decode(&props) != nil || props.Template == nil {
		return false, false
	}
	return true, strings.TrimSpace(*props.Template) != ""
}

// marks are the markers of turns that a model repeats in its answer when the template is not its own.
var marks = []string{"<|im_start|>", "<|im_end|>", "<start_of_turn>", "<|user|>", "[INST]", "<|start_header_id|>"}

// untemplated says why a model looks like a base model, which no chat subnet can use; empty where it does not.
func untemplated(known, has bool, answers ...string) string {
	if known && !has {
		return "its server says that it has no chat template: a base model, which repeats questions instead of answering them"
	}
	for _, a := range answers {
		for _, mark := range marks {
			if strings.Contains(a, mark) {
				return fmt.Sprintf("its answers contain the marker %s: a base model, or one with another model's chat template", mark)
			}
		}
	}
	return ""
}

// Alive asks whether the backend would answer now with the model that was probed.
func (b *Backend) Alive(ctx context.Context) error {
	var list struct {
		Data []told `json:"data"`
	}
	if err := b.ask(ctx, http.MethodGet, "/models", nil, &list); err != nil {
		return err
	}
	if !slices.ContainsFunc(list.Data, func(t told) bool { return t.ID == b.opt.Model || t.ID == b.opt.Model+":latest" }) {
		return fmt.Errorf("it no longer lists the model %q", b.opt.Model)
	}
	return nil
}
