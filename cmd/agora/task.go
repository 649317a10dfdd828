package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"agora/miner"
	"agora/task"
	"agora/task/kit"
	"agora/task/shelf"
	"agora/task/trial"
	"agora/task/wasm"
)

// taskCommand is what an author does before a market is opened.
func taskCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "task",
		Short: "Write a task, try it on a model, pack and publish it",
		Long: "A task is a small program that draws questions and scores answers: a WebAssembly module, which every validator runs\n" +
			"in a sandbox by its digest. docs/subnet.md is an hour's walk from an idea to a market.",
		Example: "  agora task new colours\n  agora task try colours --model chat-large",
	}
	cmd.AddCommand(taskNewCommand(), taskTryCommand(), taskPackCommand(), taskPublishCommand(), taskRecomputeCommand())
	return cmd
}

func taskNewCommand() *cobra.Command {
	var template string
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Make a folder with a working task in Go and its test",
		Long:    "Makes a folder NAME with a working task, its test, and the library that it uses. It needs Go and nothing else.",
		Example: "  agora task new rivers\n  agora task new letters --template extraction",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := kit.Write(args[0], filepath.Base(args[0]), template); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s holds a task: change item and score in main.go, then\n  (cd %s && go test .)\n  agora task try %s --model chat-large\n", args[0], args[0], args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&template, "template", "", "what to start from: "+strings.Join(kit.Templates(), ", ")+"; capitals if not given")
	return cmd
}

// module reads a module's file, or builds the Go package in a folder.
func module(ctx context.Context, path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return os.ReadFile(path)
	}
	return kit.Build(ctx, path)
}

// noJudge stands for the models that a module asks where no score is wanted.
type noJudge struct{}

// Ask implements wasm.Asker.
func (noJudge) Ask(context.Context, [32]byte, []byte) ([]byte, error) {
	return nil, errors.New("the task asks a model: name one with --judge")
}

// standIn is one model in place of all that a task asks.
type standIn struct{ ask trial.Answerer }

// Ask implements wasm.Asker.
func (s standIn) Ask(ctx context.Context, _ [32]byte, request []byte) ([]byte, error) {
	answer, err := s.ask(ctx, "/v1/chat/completions", request)
	return []byte(trial.TextOf(answer)), err
}

// loaded is a module that runs here, with its host; judge answers what it asks.
func loaded(ctx context.Context, path string, judge wasm.Asker) (*wasm.Module, []byte, func(), error) {
	code, err := module(ctx, path)
	if err != nil {
		return nil, nil, nil, err
	}
	m, end, err := hosted(ctx, path, code, judge)
	return m, code, end, err
}

// hosted runs a module's file here.
func hosted(ctx context.Context, path string, code []byte, judge wasm.Asker) (*wasm.Module, func(), error) {
	cache := ""
	if dir, err := os.UserCacheDir(); err == nil {
		cache = filepath.Join(dir, "agora", "tasks")
	}
	host, err := wasm.NewHost(ctx, wasm.Config{Cache: cache, Ask: judge})
	if err != nil {
		return nil, nil, err
	}
	end := func() { host.Close(context.WithoutCancel(ctx)) } // the process ends next
	m, err := host.Load(ctx, code)
	if err != nil {
		end()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, end, nil
}

func taskTryCommand() *cobra.Command {
	var m models
	var model, backend, seed, judge string
	var n int
	var out output
	cmd := &cobra.Command{
		Use:   "try FILE|FOLDER",
		Short: "Have a real model answer a task's items and look at the scores",
		Long: "Draws items, has a model of this machine (--model) or an OpenAI-compatible server (--backend) answer them, and prints\n" +
			"scores with reasons, how they spread, how long it took, and what a program without a model would get.",
		Example: "  agora task new seas && agora task try seas --model chat-small --n 5",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n < 2 || n > 10_000 {
				return usageError{fmt.Errorf("--n %d: give 2 to 10000", n)}
			}
			judges := wasm.Asker(noJudge{})
			if judge != "" {
				ask, stop, err := m.answerer(judge, "")
				if err != nil {
					return err
				}
				defer stop()
				judges = standIn{ask}
			}
			module, _, end, err := loaded(cmd.Context(), args[0], judges)
			if err != nil {
				return err
			}
			defer end()
			ask, stop, err := m.answerer(model, backend)
			if err != nil {
				return err
			}
			defer stop()
			report, err := trial.Run(cmd.Context(), module, n, task.Seed(wasm.DigestOf([]byte(seed))), ask)
			if err != nil {
				return err
			}
			return out.print(cmd, report, report.Text())
		},
	}
	m.engineFlags(cmd)
	out.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&model, "model", "", "model of this machine, see agora model list")
	f.StringVar(&backend, "backend", "", "base URL of an OpenAI-compatible server; --model is then its model")
	f.StringVar(&judge, "judge", "", "model of this machine in place of those that the task asks")
	f.StringVar(&seed, "seed", "try", "what the items are drawn from")
	f.IntVar(&n, "n", 20, "items, 2 to 10000")
	return cmd
}

const tryFor = 5 * time.Minute // one answer

// answerer asks a model of this machine through a server on loopback, or a server that runs already.
func (m *models) answerer(model, backend string) (trial.Answerer, func(), error) {
	if backend != "" {
		return postTo(strings.TrimSuffix(strings.TrimSuffix(backend, "/"), "/v1"), model), func() {}, nil
	}
	if model == "" {
		return nil, nil, usageError{errors.New("give --model NAME of a model of this machine (agora model list), or --backend URL of a server")}
	}
	e, release, err := m.open(model)
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, errors.Join(err, release())
	}
	server := &http.Server{Handler: miner.NewServer(e, miner.Options{}), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }() // ends with stop
	stop := func() { _ = server.Close(); <-done; _ = release() }
	return postTo("http://"+l.Addr().String(), ""), stop, nil
}

// postTo sends requests to a server; model, where it is not empty, is put into them.
func postTo(base, model string) trial.Answerer {
	return func(ctx context.Context, path string, body []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, tryFor)
		defer cancel()
		if model != "" {
			body = bytes.Replace(body, []byte(`"model":"task"`), fmt.Appendf(nil, `"model":%q`, model), 1)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, wasm.MaxAnswer+1))
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("it answered %s: %.300s", resp.Status, answer)
		}
		return answer, err
	}
}

// packed is what `agora task pack` tells.
type packed struct {
	Task   wasm.Description `json:"task"`
	Digest string           `json:"digest"`
	File   string           `json:"file"`
	Bytes  int              `json:"bytes"`
	Fuel   uint64           `json:"fuel_of_an_item"`
	Memory int              `json:"memory_bytes"`
	Source []string         `json:"source"` // names of the files that it carries
}

// carrying is a module's file with these files as its source, where some are named.
func carrying(code []byte, paths []string) ([]byte, error) {
	if len(paths) == 0 {
		return code, nil
	}
	if len(wasm.SourceOf(code)) > 0 {
		return nil, usageError{errors.New("--with-source is for a module in another language; this one carries its source")}
	}
	var files []wasm.File
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		files = append(files, wasm.File{Name: filepath.Base(path), Text: string(text)})
	}
	return wasm.WithSource(code, files)
}

func taskPackCommand() *cobra.Command {
	var to string
	var with []string
	var out output
	cmd := &cobra.Command{
		Use:   "pack FILE|FOLDER",
		Short: "Build a task's module, check it, and print its digest",
		Long: "Builds the module of a folder, or takes a file as it is, and checks it. The module of a folder carries the Go files there, tests\n" +
			"aside, so that the page of its subnet shows the source.",
		Example: "  agora task new lakes && agora task pack lakes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, err := module(cmd.Context(), args[0])
			if err == nil {
				code, err = carrying(code, with)
			}
			if err != nil {
				return err
			}
			m, end, err := hosted(cmd.Context(), args[0], code, noJudge{})
			if err != nil {
				return err
			}
			defer end()
			item, err := m.Item(cmd.Context(), task.Seed{}, 0)
			if err != nil {
				return err
			}
			if to == "" {
				to = m.Description().Name + ".wasm"
			}
			if err := os.WriteFile(to, code, 0o644); err != nil {
				return err
			}
			p := packed{m.Description(), "sha256:" + m.Digest().String(), to, len(code), item.Fuel, m.Memory(), namesOf(m.Source())}
			return out.print(cmd, p, fmt.Sprintf("%s (%d bytes) is the task %s\nsource %s\ndigest %s\n",
				to, p.Bytes, p.Task.Name, cmp.Or(strings.Join(p.Source, ", "), "none in it"), p.Digest))
		},
	}
	out.flag(cmd)
	cmd.Flags().StringVar(&to, "to", "", "file to write; NAME.wasm")
	cmd.Flags().StringSliceVar(&with, "with-source", nil, "source of a module in another language, to be carried in it")
	return cmd
}

func namesOf(files []wasm.File) []string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.Name
	}
	return names
}

func taskRecomputeCommand() *cobra.Command {
	var from string
	var out output
	cmd := &cobra.Command{
		Use:   "recompute FILE",
		Short: "Compute a validator's scores again for which models were asked",
		Long: "A task may ask a judge model. Validators keep what was asked and answered with the score and give it to everybody once the item\n" +
			"is asked no more; this runs the module on it and compares. FILE is the module, as GET /v1/tasks/DIGEST gives it.",
		Example: "  agora task recompute captions.wasm --validator https://validator.example/v1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, _, end, err := loaded(cmd.Context(), args[0], noJudge{})
			if err != nil {
				return err
			}
			defer end()
			list, err := shelf.FetchEvidence(cmd.Context(), http.DefaultClient, strings.TrimSuffix(strings.TrimSuffix(from, "/"), "/v1"), m.Digest())
			if err != nil {
				return err
			}
			for i, e := range list {
				if err := e.Check(cmd.Context(), m); err != nil {
					return fmt.Errorf("score %d of %d, of %s: %w", i+1, len(list), e.At.Format(time.RFC3339), err)
				}
			}
			return out.print(cmd, map[string]int{"equal": len(list)}, fmt.Sprintf("%d scores are the same\n", len(list)))
		},
	}
	out.flag(cmd)
	cmd.Flags().StringVar(&from, "validator", "", "base URL of the validator's gateway")
	_ = cmd.MarkFlagRequired("validator") // it is defined in the line above
	return cmd
}
