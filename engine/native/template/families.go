package template

import "strings"

// families in the order in which Detect tries them: of two that fit, the one that says more stands first.
// Sources: the templates that the models' authors publish beside their weights.
var families = []family{
	{
		name: "llama-3.1", stops: []string{"<|eot_id|>", "<|eom_id|>"}, system: true,
		needs: []string{"<|start_header_id|>", "Cutting Knowledge Date"}, foreign: []string{">>>"}, write: writeLlama31,
	},
	{
		name: "llama-3", stops: []string{"<|eot_id|>"}, system: true,
		needs: []string{"<|start_header_id|>", "<|eot_id|>"}, foreign: []string{"Cutting Knowledge", "functions", ">>>"}, write: writeLlama3,
	},
	{
		name: "gemma", stops: []string{"<end_of_turn>"}, system: true, taken: true,
		needs: []string{"<start_of_turn>", "<end_of_turn>"}, write: writeGemma,
	},
	{
		name: "qwen-3", stops: []string{"<|im_end|>"}, system: true, tools: true,
		needs: []string{"<|im_start|>", "<tool_call>", "<tools></tools>", "</think>"}, foreign: []string{"pydantic", `assistant\n<think>`}, write: writeQwen3,
	},
	{
		name: "qwen-2.5", stops: []string{"<|im_end|>"}, system: true, tools: true,
		needs: []string{"<|im_start|>", "<tool_call>", "<tools></tools>"}, foreign: []string{"pydantic", "<think>"}, write: writeQwen,
	},
	{
		name: "chatml", stops: []string{"<|im_end|>"}, system: true,
		needs: []string{"<|im_start|>", "<|im_end|>"}, foreign: []string{"<tool_call>", "<|im_sep|>"}, write: writeChatML,
	},
	{
		name: "zephyr", system: true,
		needs: []string{"<|user|>", "<|assistant|>", "eos_token"}, foreign: []string{"<|end|>"}, write: writeZephyr,
	},
	{
		name: "llama-2", system: true, taken: true, blank: true,
		needs: []string{"[INST] ", "<<SYS>>"}, write: writeLlama2,
	},
	{
		name: "mistral-tekken", system: true, taken: true,
		needs: []string{"[INST]", "[/INST]"}, foreign: []string{"[SYSTEM_PROMPT]", "<<SYS>>"}, write: mistral("[INST]", "[/INST]", ""),
	},
	{
		name: "mistral-v3", system: true, taken: true, blank: true,
		needs: []string{"[INST]", "[/INST]"}, foreign: []string{"[SYSTEM_PROMPT]", "<<SYS>>"}, write: mistral("[INST] ", "[/INST]", " "),
	},
	{
		name: "mistral-v1", system: true, taken: true,
		needs: []string{"[INST]", "[/INST]"}, foreign: []string{"[SYSTEM_PROMPT]", "<<SYS>>"}, write: mistral("[INST] ", " [/INST]", ""),
	},
}

func writeChatML(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	if system != "" || c.Turns[0].Role == "system" {
		w.chatML("system", system)
	}
	for i, turn := range turns {
		if open(turns, i) {
			w.mark("<|im_start|>")
			w.text("assistant\n", turn.Text)
			return
		}
		w.chatML(turn.Role, turn.Text)
	}
	w.mark("<|im_start|>")
	w.text("assistant\n")
}

func (w *writer) chatML(role, text string) {
	w.mark("<|im_start|>")
	w.text(role, "\n", text)
	w.mark("<|im_end|>")
	w.text("\n")
}

// writeLlama3 trims texts, as the file does.
func writeLlama3(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	if system != "" || c.Turns[0].Role == "system" {
		w.llama3("system", strings.TrimSpace(system))
	}
	w.llama3Turns(turns)
}

// writeLlama31 adds the dates that these files put before every system text. The date is the files' own where nobody
// gives one, so that the same conversation is the same prompt on every day.
func writeLlama31(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	w.llama3("system", "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"+strings.TrimSpace(system))
	w.llama3Turns(turns)
}

func (w *writer) llama3Turns(turns []Turn) {
	for i, turn := range turns {
		if open(turns, i) {
			w.llama3Head("assistant")
			w.text(strings.TrimLeft(turn.Text, " \n"))
			return
		}
		w.llama3(turn.Role, strings.TrimSpace(turn.Text))
	}
	w.llama3Head("assistant")
}

func (w *writer) llama3Head(role string) {
	w.mark("<|start_header_id|>")
	w.text(role)
	w.mark("<|end_header_id|>")
	w.text("\n\n")
}

func (w *writer) llama3(role, text string) {
	w.llama3Head(role)
	w.text(text)
	w.mark("<|eot_id|>")
}

// writeGemma puts a system text before the first question: the model knows no such turn.
func writeGemma(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	for i, turn := range turns {
		w.mark("<start_of_turn>")
		if turn.Role == "assistant" {
			w.text("model\n")
		} else {
			w.text("user\n")
		}
		if i == 0 && system != "" {
			w.text(system, "\n\n")
		}
		if open(turns, i) {
			w.text(strings.TrimLeft(turn.Text, " \n"))
			return
		}
		w.text(strings.TrimSpace(turn.Text))
		w.mark("<end_of_turn>")
		w.text("\n")
	}
	w.mark("<start_of_turn>")
	w.text("model\n")
}

func writeZephyr(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	if system != "" || c.Turns[0].Role == "system" {
		w.zephyr("system", system)
	}
	for i, turn := range turns {
		if open(turns, i) {
			w.mark("<|assistant|>")
			w.text("\n", turn.Text)
			return
		}
		w.zephyr(turn.Role, turn.Text)
	}
	w.mark("<|assistant|>")
	w.text("\n")
}

func (w *writer) zephyr(role, text string) {
	w.mark("<|" + role + "|>")
	w.text("\n", text)
	w.end()
	w.text("\n")
}

// writeLlama2 begins and ends every question with its answer; the first begins with the prompt itself.
func writeLlama2(w *writer, t *Template, c Conversation) {
	system, turns := t.split(c.Turns)
	for i, turn := range turns {
		switch {
		case turn.Role == "user":
			if i > 0 && t.Begin {
				w.begin()
			}
			w.mark("[INST]")
			w.text(" ")
			if i == 0 && system != "" {
				w.text("<<SYS>>\n", system, "\n<</SYS>>\n\n")
			}
			w.text(strings.TrimSpace(turn.Text), " ")
			w.mark("[/INST]")
		case open(turns, i):
			w.text(" ", strings.TrimLeft(turn.Text, " "))
		default:
			w.text(" ", strings.TrimSpace(turn.Text), " ")
			w.end()
		}
	}
}

// mistral makes a writer: what stands before and after a question, and before an answer. A system text goes before the
// last question, as in the files.
func mistral(before, after, answer string) func(*writer, *Template, Conversation) {
	return func(w *writer, t *Template, c Conversation) {
		system, turns := t.split(c.Turns)
		last := len(turns) - 1
		if !asks(turns) {
			last--
		}
		for i, turn := range turns {
			switch {
			case turn.Role == "user":
				w.bracket(before)
				if i == last && system != "" {
					w.text(system, "\n\n")
				}
				w.text(turn.Text)
				w.bracket(after)
			case open(turns, i):
				w.text(answer, turn.Text)
			default:
				w.text(answer, turn.Text)
				w.end()
			}
		}
	}
}

// bracket writes a marker with the blanks around it.
func (w *writer) bracket(s string) {
	name := strings.TrimSpace(s)
	before, after, _ := strings.Cut(s, name)
	w.text(before)
	w.mark(name)
	w.text(after)
}
