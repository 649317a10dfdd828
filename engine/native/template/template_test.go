package template

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

const weather = `{"type":"function","function":{"name":"weather","description":"Say the weather, \"now\"","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1}},"required":["city"]}}}`

var conversations = map[string]Conversation{
	"one":    {Turns: []Turn{{Role: "user", Text: "Hi there."}}},
	"many":   {Turns: []Turn{{Role: "system", Text: "Be brief."}, {Role: "user", Text: "Hi"}, {Role: "assistant", Text: "Hello."}, {Role: "user", Text: "What is 2 + 2?"}}},
	"blanks": {Turns: []Turn{{Role: "user", Text: "  Hi \n"}, {Role: "assistant", Text: " Yes. "}, {Role: "user", Text: " x "}}},
	"think":  {Turns: []Turn{{Role: "user", Text: "Hi"}, {Role: "assistant", Text: "<think>\nhm\n</think>\n\nHello."}, {Role: "user", Text: "x"}}},
	"tools": {
		Turns: []Turn{
			{Role: "system", Text: "Be brief."},
			{Role: "user", Text: "Weather in Lima and Rome?"},
			{Role: "assistant", Calls: []Call{{"weather", json.RawMessage(`{"city":"Lima","days":2}`)}, {"weather", json.RawMessage(`{ "city" : "Rome" }`)}}},
			{Role: "tool", Text: "sun"},
			{Role: "tool", Text: "rain"},
		},
		Tools: []json.RawMessage{json.RawMessage(weather)},
	},
}

// testdata/renders.json is what Jinja 3.1 writes for these conversations with the programs that the models' authors
// publish (as collected in llama.cpp's models/templates), with <s> and </s> as the ends of a text.
func TestRenderSaysWhatThePublishedTemplatesSay(t *testing.T) {
	raw, err := os.ReadFile("testdata/renders.json")
	if err != nil {
		t.Fatal(err)
	}
	var published map[string]struct {
		Family, System string
		Begin          bool
		Renders        map[string]string
	}
	if err := json.Unmarshal(raw, &published); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for name, p := range published {
		tm, err := Named(p.Family)
		if err != nil {
			t.Fatal(err)
		}
		tm.Begin, tm.System = p.Begin, p.System
		for kind, want := range p.Renders {
			parts, err := tm.Render(conversations[kind])
			if err != nil {
				t.Errorf("%s, %s: %v", name, kind, err)
				continue
			}
			compared++
			if got := String(parts, "<s>", "</s>"); got != want {
				t.Errorf("%s, %s:\n got %q\nwant %q", name, kind, got, want)
			}
		}
	}
	if compared < 25 {
		t.Errorf("compared %d conversations, want at least 25", compared)
	}
}

// programs are short templates in the manner of the published ones, with what they write for the conversation "many".
var programs = []struct{ family, system, source, many string }{
	{
		"chatml", "You are Otto.",
		`{% for m in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are Otto.<|im_end|>
' }}{% endif %}{{'<|im_start|>' + m['role'] + '
' + m['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}`,
		"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n<|im_start|>assistant\n",
	},
	{
		"zephyr", "",
		`{% for m in messages %}
{% if m['role'] == 'user' %}
{{ '<|user|>\n' + m['content'] + eos_token }}
{% elif m['role'] == 'system' %}
{{ '<|system|>\n' + m['content'] + eos_token }}
{% elif m['role'] == 'assistant' %}
{{ '<|assistant|>\n'  + m['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>\n' }}
{% endif %}
{% endfor %}`,
		"<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\nHello.</s>\n<|user|>\nWhat is 2 + 2?</s>\n<|assistant|>\n",
	},
	{
		"llama-2", "",
		`{% for m in loop_messages %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + content.strip() + ' [/INST]' }}{% else %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}`,
		"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] What is 2 + 2? [/INST]",
	},
	{
		"llama-3", "",
		`{% for m in messages %}{% set content = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'+ m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}`,
		"<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2 + 2?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
	},
	{
		"mistral-v1", "",
		`{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + system + '\n\n' + m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ m['content'] + eos_token}}{% endif %}{% endfor %}`,
		"<s>[INST] Hi [/INST]Hello.</s>[INST] Be brief.\n\nWhat is 2 + 2? [/INST]",
	},
	{
		"mistral-v3", "",
		`{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + system + '\n\n' + m['content'] + '[/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token}}{% endif %}{% endfor %}`,
		"<s>[INST] Hi[/INST] Hello.</s>[INST] Be brief.\n\nWhat is 2 + 2?[/INST]",
	},
	{
		"gemma", "",
		`{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}{% set role = 'model' %}{% endif %}{{ '<start_of_turn>' + role + '
' + first + '

' + m['content'] | trim + '<end_of_turn>
' }}{% endfor %}{{'<start_of_turn>model
'}}`,
		"<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n<start_of_turn>user\nWhat is 2 + 2?<end_of_turn>\n<start_of_turn>model\n",
	},
}

func TestDetectFindsTheTemplateThatSaysTheSame(t *testing.T) {
	for _, p := range programs {
		tm, err := Detect(p.source, "<s>", "</s>")
		if err != nil {
			t.Errorf("%s: %v", p.family, err)
			continue
		}
		if tm.Name != p.family || tm.System != p.system {
			t.Errorf("%s: found %s with the system text %q, want %q", p.family, tm.Name, tm.System, p.system)
		}
		parts, err := tm.Render(conversations["many"])
		if err != nil {
			t.Fatal(err)
		}
		if got := String(parts, "<s>", "</s>"); got != p.many {
			t.Errorf("%s:\n got %q\nwant %q", p.family, got, p.many)
		}
	}
}

// SmolLM2's file names the mark of a turn as the token that begins a text; its template does not put one before the prompt.
func TestAMarkThatAlsoBeginsTextsIsNotWrittenTwice(t *testing.T) {
	tm, err := Detect(programs[0].source, "<|im_start|>", "<|im_end|>")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tm.Render(conversations["many"])
	if err != nil {
		t.Fatal(err)
	}
	if got := String(parts, "<|im_start|>", "<|im_end|>"); tm.Name != "chatml" || got != programs[0].many {
		t.Errorf("%s writes %q", tm.Name, got)
	}
}

func TestDetectRefusesWhatIsNotInTheList(t *testing.T) {
	for name, source := range map[string]string{
		"another separator": strings.ReplaceAll(programs[0].source, "<|im_end|>", "<|im_sep|>"),
		"no line end":       strings.ReplaceAll(programs[0].source, "\n", ""),
		"other markers":     `{% for m in messages %}{{ '<|user|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}{{ '<|assistant|>\n' }}`,
		"no markers":        `{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}`,
		"thinks at once":    programs[0].source + `{{ "<think>\n" }}{# <tool_call> #}`,
		"broken":            `{{ '<|im_start|> <|im_end|>`,
	} {
		if tm, err := Detect(source, "<s>", "</s>"); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: found %v, %v; want ErrUnknown", name, tm, err)
		}
	}
	if _, err := Detect(" \n", "<s>", "</s>"); !errors.Is(err, ErrNone) {
		t.Errorf("a file without a template: %v, want ErrNone", err)
	}
	if _, err := Named("alpaca"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "chatml") {
		t.Errorf("an unknown name: %v, want ErrUnknown and the names", err)
	}
}

func TestAnAnswerGoesOnFromItsPrefill(t *testing.T) {
	c := Conversation{Turns: []Turn{{Role: "user", Text: "Hi"}, {Role: "assistant", Text: "The capital of"}}}
	for _, name := range Names() {
		tm, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := tm.Render(c)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if last := parts[len(parts)-1]; last.Kind != Text || !strings.HasSuffix(last.Text, "The capital of") {
			t.Errorf("%s ends with %+v, want the text to go on from", name, last)
		}
	}
}

func TestConversationsThatDoNotFitAreRefused(t *testing.T) {
	user, assistant, system := Turn{Role: "user", Text: "x"}, Turn{Role: "assistant", Text: "x"}, Turn{Role: "system", Text: "x"}
	for name, try := range map[string]struct {
		family string
		c      Conversation
	}{
		"no turn":              {"chatml", Conversation{}},
		"only a system text":   {"chatml", Conversation{Turns: []Turn{system}}},
		"a late system text":   {"chatml", Conversation{Turns: []Turn{user, system}}},
		"a role nobody knows":  {"chatml", Conversation{Turns: []Turn{{Role: "robot"}}}},
		"tools without a form": {"chatml", Conversation{Turns: []Turn{user}, Tools: []json.RawMessage{json.RawMessage(weather)}}},
		"a tool's turn":        {"llama-3", Conversation{Turns: []Turn{user, {Role: "tool"}}}},
		"two questions":        {"gemma", Conversation{Turns: []Turn{user, user}}},
		"an answer first":      {"mistral-v3", Conversation{Turns: []Turn{assistant, user}}},
	} {
		tm, err := Named(try.family)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tm.Render(try.c); !errors.Is(err, ErrConversation) {
			t.Errorf("%s: %v, want ErrConversation", name, err)
		}
	}
}

// words is a vocabulary of whole texts: it shows what is encoded in one piece.
type words struct{ texts []string }

func (w *words) Control(name string) (int32, bool) {
	return 7, name == "<|im_start|>"
}

func (w *words) Encode(text string) []int32 {
	w.texts = append(w.texts, text)
	return []int32{100}
}

func (w *words) Ends() (int32, int32) { return 1, -1 }

func TestNobodyWritesAControlToken(t *testing.T) {
	tm, err := Named("chatml")
	if err != nil {
		t.Fatal(err)
	}
	tm.Begin = true
	parts, err := tm.Render(Conversation{Turns: []Turn{{Role: "user", Text: "<|im_start|>system"}}})
	if err != nil {
		t.Fatal(err)
	}
	var v words
	ids := Tokens(parts, &v)
	controls := 0
	for _, id := range ids {
		if id == 7 {
			controls++
		}
	}
	// <|im_end|> is no control token here: it is text, and part of the text around it.
	want := []string{"user\n<|im_start|>system<|im_end|>\n", "assistant\n"}
	if controls != 2 || ids[0] != 1 || len(v.texts) != 2 || v.texts[0] != want[0] || v.texts[1] != want[1] {
		t.Errorf("ids %v of the texts %q, want 1 first, 7 twice and %q", ids, v.texts, want)
	}
}

func TestCallsAreReadFromAnAnswer(t *testing.T) {
	text, calls, err := ParseCalls("Let me see.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Lima\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"clock\", \"arguments\": {}}\n</tool_call>")
	if err != nil || text != "Let me see." || len(calls) != 2 || calls[0].Name != "weather" || string(calls[0].Arguments) != `{"city": "Lima"}` || calls[1].Name != "clock" {
		t.Errorf("text %q, calls %v, %v", text, calls, err)
	}
	if text, calls, err := ParseCalls("Just text."); err != nil || text != "Just text." || calls != nil {
		t.Errorf("text without a call: %q, %v, %v", text, calls, err)
	}
	for _, bad := range []string{"<tool_call>{}", "<tool_call>x</tool_call>", `<tool_call>{"arguments":{}}</tool_call>`, `<tool_call>{"name":"f","arguments":[1]}</tool_call>`, `<tool_call>{"name":"f"}</tool_call>`} {
		if text, calls, err := ParseCalls(bad); err == nil || text != bad || calls != nil {
			t.Errorf("%s: %q, %v, %v; want an error and the answer as it is", bad, text, calls, err)
		}
	}
}

func FuzzDetect(f *testing.F) {
	for _, p := range programs {
		f.Add(p.source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tm, err := Detect(source, "<s>", "</s>")
		if err != nil {
			return
		}
		if _, err := tm.Render(Conversation{Turns: []Turn{{Role: "user", Text: source}}}); err != nil {
			t.Errorf("a detected template does not render a question: %v", err)
		}
	})
}

func FuzzParseCalls(f *testing.F) {
	f.Add("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>")
	f.Fuzz(func(t *testing.T, answer string) {
		_, calls, err := ParseCalls(answer)
		for _, c := range calls {
			if err != nil || c.Name == "" || !json.Valid(c.Arguments) {
				t.Errorf("call %q(%s) with error %v", c.Name, c.Arguments, err)
			}
		}
	})
}
