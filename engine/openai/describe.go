package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"agora/engine"
)

// listed is a model of GET /v1/models: what servers say of it beyond OpenAI's fields, llama.cpp in "meta", vLLM and others beside the
// id. Their kinds are the servers' own: what cannot be read is not told.
type listed struct {
	id   string
	told map[string]json.RawMessage
	meta map[string]json.RawMessage
}

// models are those that the backend lists.
func (b *Backend) models(ctx context.Context) ([]listed, error) {
	var list struct {
		Data []map[string]json.RawMessage `json:"data"`
	}
	if err := b.ask(ctx, http.MethodGet, "/models", nil, &list); err != nil {
		return nil, err
	}
	models := make([]listed, len(list.Data))
	for i, told := range list.Data {
		models[i] = listed{id: text(told["id"]), told: told}
		_ = json.Unmarshal(told["meta"], &models[i].meta) // likewise
	}
	return slices.DeleteFunc(models, func(m listed) bool { return m.id == "" }), nil
}

// own is the place of the model that was settled on; -1 where it is not listed.
func (b *Backend) own(models []listed) int {
	return slices.IndexFunc(models, func(m listed) bool { return m.id == b.opt.Model || m.id == b.opt.Model+":latest" })
}

// text is a member that is one, else empty.
func text(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}

// number is a member that is one, or is written as one in a text; 0 where it is none, is below 1, or above most.
func number(raw json.RawMessage, most float64) uint64 {
	var f float64
	if json.Unmarshal(raw, &f) != nil {
		f, _ = strconv.ParseFloat(text(raw), 64)
	}
	if !(f >= 1 && f <= most) {
		return 0
	}
	return uint64(f)
}

const (
	maxContext = 1 << 30 // tokens
	maxSize    = 1 << 53 // parameters, bytes
)

// owners are what servers call themselves under owned_by.
var owners = []string{"llamacpp", "vllm", "sglang", "library", "localai", "lmstudio"}

// describe asks what the server tells of its model. What it does not tell stays empty.
func (b *Backend) describe(ctx context.Context) engine.Info {
	info := engine.Info{Model: publicName(b.opt.Model), Engine: "openai"}
	models, err := b.models(ctx)
	if err != nil {
		return info
	}
	i := b.own(models)
	if i < 0 {
		return info
	}
	t := models[i]
	info.Context = int(max(number(t.meta["n_ctx"], maxContext), number(t.told["max_model_len"], maxContext)))
	info.Precision = text(t.meta["ftype"])
	if info.Precision == "" {
		info.Precision = quantisation.FindString(t.id)
	}
	if by := text(t.told["owned_by"]); slices.Contains(owners, by) {
		info.Version = by
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
func (m listed) metadata() string {
	fields := map[string]uint64{}
	for from, name := range map[string]string{"n_params": "parameters", "size": "bytes"} {
		if n := number(m.meta[from], maxSize); n > 0 {
			fields[name] = n
		}
	}
	if len(fields) == 0 {
		return ""
	}
	out, err := json.Marshal(fields)
	if err != nil { // numbers always marshal
		return ""
	}
	return string(out)
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

// Alive asks whether the backend would answer now with the model that was probed. One that does one thing after the other leaves the
// question for later while it works: a part of an answer says as much.
func (b *Backend) Alive(ctx context.Context) error {
	models, err := b.models(ctx)
	if err != nil && ctx.Err() != nil && time.Since(time.Unix(0, b.heard.Load())) < maxListing {
		return nil
	}
	if err != nil {
		return err
	}
	if b.own(models) < 0 {
		return fmt.Errorf("it no longer lists the model %q", b.opt.Model)
	}
	return nil
}
