// Command bench measures the native engine beside llama.cpp: the same files, prompts and thread, in turns, processor time per
// token. It needs a Python in which the wheels xllamacpp, gguf and numpy are installed; make bench-engine sees to that.
//
//	bench -python build/bench/bin/python -model FILE.gguf [-rounds 5]
package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"agora/engine"
	"agora/engine/native/kernel"
	"agora/engine/native/llm"
	"agora/engine/native/model"
	"agora/wire/openai"
)

//go:embed llama.py
var llamaProgram string

//go:embed convert.py
var convertProgram string

var (
	python = flag.String("python", "python3", "Python with xllamacpp, gguf and numpy")
	path   = flag.String("model", "", "a GGUF file")
	rounds = flag.Int("rounds", 5, "turns that each engine gets")
	jobsOf = flag.String("jobs", "", "only the jobs whose name contains this")
	asQ40  = flag.Bool("q4_0", true, "also measure the file with its Q4_1 matrices written as Q4_0")
	check  = flag.Bool("check", false, "end with an error where a figure is above its aim")
	single = flag.Bool("alone", false, "only what has no counterpart in llama.cpp, which is then not needed")
)

// job is something to do: a prompt, so many tokens after it, so many times together. What is measured is the difference
// to one token after it where more are asked, else the prompt.
type job struct {
	name              string
	prompt, n, copies int
}

var jobs = []job{{"decode", 40, 200, 1}, {"prefill 512", 512, 1, 1}, {"8 together", 40, 100, 8}}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		log.Fatal(err)
	}
	if err := verdict(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	fmt.Printf("%d rounds, kernels %s, processor ms per token: median (least–most)\n\n", *rounds, kernel.Level())
	if *single {
		return alone(*path)
	}
	fmt.Println("| file, job | Agora | llama.cpp | ratio of medians |")
	fmt.Println("| --- | --- | --- | --- |")
	if err := compare(filepath.Base(*path), *path); err != nil {
		return err
	}
	if *asQ40 {
		if err := compareQ40(); err != nil {
			return err
		}
	}
	for _, measure := range []func(string) error{quality, tokenised, alone} {
		if err := measure(*path); err != nil {
			return err
		}
	}
	return random()
}

func compareQ40() error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	q40 := filepath.Join(dir, "q4_0.gguf")
	if out, err := exec.Command(*python, "-c", convertProgram, *path, q40).CombinedOutput(); err != nil {
		return fmt.Errorf("writing the file of Q4_0: %w: %s", err, out)
	}
	return compare("as Q4_0", q40)
}

// compare runs every job with both engines, in turns.
func compare(name, path string) error {
	m, err := model.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	other, err := start(path)
	if err != nil {
		return err
	}
	defer other.stop()
	for _, j := range jobs {
		if !strings.Contains(j.name, *jobsOf) {
			continue
		}
		var ours, theirs []float64
		for range *rounds {
			a, err := measure(j, func(n int) (float64, error) { return generate(m, j, n) })
			if err != nil {
				return err
			}
			b, err := measure(j, func(n int) (float64, error) { return other.ask(j, n) })
			if err != nil {
				return err
			}
			ours, theirs = append(ours, a), append(theirs, b)
		}
		ratio := median(ours) / median(theirs)
		fmt.Printf("| %s %s | %s | %s | %.2f |\n", name, j.name, summary(ours), summary(theirs), ratio)
		hold(name, j.name, ratio)
	}
	return nil
}

// measure is the processor time per token of a job, in milliseconds.
func measure(j job, do func(n int) (float64, error)) (float64, error) {
	if j.n == 1 {
		s, err := do(1)
		return s * 1e3 / float64(j.prompt), err
	}
	one, err := do(1)
	if err != nil {
		return 0, err
	}
	all, err := do(j.n + 1)
	return (all - one) * 1e3 / float64(j.n*j.copies), err
}

func tokens(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(300 + i%40)
	}
	return out
}

// generate is the processor seconds of a job in this process.
func generate(m *model.Model, j job, n int) (float64, error) {
	r, inputs := m.NewRunner(), make([]model.Input, j.copies)
	before := processor()
	for i := range inputs {
		inputs[i] = model.Input{Sequence: m.NewSequence(), Tokens: tokens(j.prompt), Logits: 1}
	}
	for range n {
		logits, err := r.Forward(inputs...)
		if err != nil {
			return 0, err
		}
		for i, l := range logits {
			inputs[i].Tokens = []int32{int32(slices.Index(l, slices.Max(l)))}
		}
	}
	return processor() - before, nil
}

// alone is what has no counterpart there: checking an answer in one pass, loading, memory, and portable code.
func alone(path string) error {
	if err := load(path); err != nil {
		return err
	}
	if err := memory(path); err != nil {
		return err
	}
	m, err := model.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	var checked []float64
	for range *rounds {
		before := processor()
		if _, err := m.NewRunner().Forward(model.Input{Sequence: m.NewSequence(), Tokens: tokens(240), Logits: 201}); err != nil {
			return err
		}
		checked = append(checked, (processor()-before)*1e3/200)
	}
	fmt.Printf("checking an answer of 200 tokens after 40: %s ms per answer token, %.0f per processor second\n", summary(checked), 1e3/median(checked))
	hold(filepath.Base(path), "checking a token, ms", median(checked))
	return portable(m)
}

// portable measures short jobs in portable code and in the fastest that there is, in turns.
func portable(m *model.Model) error {
	defer kernel.Use(kernel.Level())
	levels := kernel.Levels()
	for _, j := range []job{{"decode", 8, 12, 1}, {"prefill 128", 128, 1, 1}} {
		spent := map[string][]float64{}
		for range *rounds {
			for _, level := range levels {
				kernel.Use(level)
				ms, err := measure(j, func(n int) (float64, error) { return generate(m, j, n) })
				if err != nil {
					return err
				}
				spent[level] = append(spent[level], ms)
			}
		}
		plain, fast := spent["portable"], spent[levels[len(levels)-1]]
		fmt.Printf("portable code, %s: %s ms per token, vectors %s, ratio %.1f\n", j.name, summary(plain), summary(fast), median(plain)/median(fast))
		hold("", "portable "+j.name+", of vectors", median(plain)/median(fast))
	}
	return nil
}

// load measures a model from its file to its first answer: tokenizer, template, packed weights, digest.
func load(path string) error {
	var clock, spent []float64
	for range *rounds {
		debug.FreeOSMemory() // of what was measured before
		was, before := time.Now(), processor()
		e, err := llm.Open(path, llm.Options{})
		if err != nil {
			return err
		}
		clock, spent = append(clock, time.Since(was).Seconds()), append(spent, processor()-before)
		if err := e.Close(); err != nil {
			return err
		}
	}
	fmt.Printf("\nloading: %s s by the clock, %s of processors\n", summary(clock), summary(spent))
	hold(filepath.Base(path), "loading, s", median(clock))
	return nil
}

// memory is what the process has after it served an answer, and what of it the file makes.
func memory(path string) error {
	debug.FreeOSMemory()
	e, err := llm.Open(path, llm.Options{})
	if err != nil {
		return err
	}
	defer e.Close()
	most, temperature := 200, 0.0
	used, _, err := e.Complete(context.Background(), &openai.CompletionRequest{
		Prompt: "This is the story of a fisherman who could not swim.", MaxTokens: &most, Temperature: &temperature,
	}, func(engine.Token) error { return nil })
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("memory after %d tokens: %s; the file has %d kB\n", used.TotalTokens, resident(), info.Size()>>10)
	return nil
}

// resident is the memory of this process, where the system tells.
func resident() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

// llama is the other engine, in a process of its own.
type llama struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *bufio.Scanner
}

func start(path string) (*llama, error) {
	cmd := exec.Command(*python, "-c", llamaProgram, path, "8")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l := &llama{cmd, json.NewEncoder(in), bufio.NewScanner(out)}
	l.out.Buffer(nil, 1<<24)
	return l, l.read(nil)
}

// read takes the next answer; what the server prints besides is passed over.
func (l *llama) read(v any) error {
	for l.out.Scan() {
		if line := l.out.Bytes(); len(line) > 0 && line[0] == '{' {
			if v == nil {
				return nil
			}
			return json.Unmarshal(line, v)
		}
	}
	return fmt.Errorf("llama.cpp ended: %w", l.out.Err())
}

func (l *llama) ask(j job, n int) (float64, error) {
	if err := l.in.Encode(map[string]any{"prompt": tokens(j.prompt), "n": n, "together": j.copies}); err != nil {
		return 0, err
	}
	var answer struct{ Seconds float64 }
	err := l.read(&answer)
	return answer.Seconds, err
}

func (l *llama) stop() {
	_ = l.cmd.Process.Kill()
	_ = l.cmd.Wait()
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[len(x)/2] + x[(len(x)-1)/2]) / 2
}

func summary(x []float64) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f)", median(x), slices.Min(x), slices.Max(x))
}
