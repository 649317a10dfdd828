package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	maxOut    = 8 << 20         // bytes that a program may print, or that are read of its file
	maxFile   = 128 << 20       // bytes of a file that it writes: sound libraries reserve 64 MiB
	maxMemory = 2 << 30         // bytes of its address space
	lastWords = 200             // bytes of what it says of its failure that are kept
	grace     = 2 * time.Second // from its end until what it left running is not waited for any more
)

// errTooMuch ends a program that writes more than it may.
var errTooMuch = errors.New("it wrote too much")

// bounded keeps at most max bytes; more is an error.
type bounded struct {
	bytes.Buffer
	max int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.max {
		return 0, errTooMuch
	}
	return b.Buffer.Write(p)
}

// ending keeps the first bytes of what is written, and forgets the rest.
type ending struct{ bytes.Buffer }

func (e *ending) Write(p []byte) (int, error) {
	e.Buffer.Write(p[:min(len(p), lastWords-e.Len())])
	return len(p), nil
}

// run runs a program in a folder that holds these files and nothing else, and returns what it printed and, where it is named, the file
// that it wrote. What the program started ends with it. Its environment tells it nothing of this process.
func run(ctx context.Context, files map[string][]byte, written, name string, args ...string) (printed, file []byte, err error) {
	dir, err := os.MkdirTemp("", "agora-command-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, nil, err
		}
	}
	out, complaint := &bounded{max: maxOut}, &ending{}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, out, complaint, grace
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8", "OMP_THREAD_LIMIT=1"}
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	bound(cmd.Process.Pid)
	err = cmd.Wait()
	kill(cmd)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w: %.200q", name, errors.Join(ctx.Err(), err), complaint.String())
	}
	if written != "" {
		file, err = readFile(filepath.Join(dir, written))
	}
	return out.Bytes(), file, err
}

// readFile reads a file of at most maxOut bytes.
func readFile(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxOut {
		return nil, errTooMuch
	}
	return os.ReadFile(path)
}
