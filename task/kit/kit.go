// Package kit holds what a new task starts from: a library in Go for the module's side of the interface (guest), working tasks with
// their tests (the templates, of which capitals is the simplest), and one in another language (sums, AssemblyScript).
package kit

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"agora/task/wasm"
)

//go:embed guest/*.go capitals/*.go captions/*.go code/*.go constraints/*.go extraction/*.go reading/*.go retrieval/*.go speech/*.go translation/*.go
var files embed.FS

//go:embed sums/sums.wasm
var sums []byte

// Sums is a task that is a module already, made of sums/sums.ts.
func Sums() []byte { return sums }

var name = regexp.MustCompile(`^[a-z][a-z0-9-]{2,31}$`)

// simplest is the template that a task starts from where none is named.
const simplest = "capitals"

// Templates names the tasks that a new one can start from.
func Templates() (names []string) {
	entries, err := files.ReadDir(".")
	if err != nil { // they are in the program
		panic(err)
	}
	for _, e := range entries {
		if e.Name() != "guest" {
			names = append(names, e.Name())
		}
	}
	return names
}

// Write makes a folder with a task of this name (lower-case letters, digits and hyphens, 3 to 32) that starts from a template, the
// simplest if "". It stands alone: the standard toolchain builds and tests it without this module. A folder that exists is an error.
func Write(dir, task, template string) error {
	if template == "" {
		template = simplest
	}
	if !slices.Contains(Templates(), template) {
		return fmt.Errorf("there is no template %q, but %s", template, strings.Join(Templates(), ", "))
	}
	if !name.MatchString(task) {
		return fmt.Errorf("%q is no name of a task: 3 to 32 lower-case letters, digits and hyphens, a letter first", task)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+task+"\n\ngo 1.26\n"), 0o644); err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(path, "guest/") && !strings.HasPrefix(path, template+"/") {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, template+"/"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(renamed(string(text), task, template)), 0o644)
	})
}

// renamed puts the task's own name where the example has its.
func renamed(text, task, template string) string {
	return strings.NewReplacer(`"agora/task/kit/guest"`, `"`+task+`/guest"`, `Name: "`+template+`"`, `Name: "`+task+`"`,
		"Command "+template+" is", "Command "+task+" is").Replace(text)
}

// Build makes a module of the Go package in a folder, with the toolchain of this machine. It carries the source that lies there, where
// that is little enough. The same source and toolchain give the same bytes.
func Build(ctx context.Context, folder string) ([]byte, error) {
	code, err := compile(ctx, folder)
	if err != nil {
		return nil, err
	}
	files, err := source(folder)
	if err != nil {
		return nil, err
	}
	if with, err := wasm.WithSource(code, files); err == nil {
		return with, nil
	}
	return code, nil
}

// source is what a folder holds in Go, without tests and what lies deeper: main.go first.
func source(folder string) (files []wasm.File, err error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		f := wasm.File{Name: filepath.Base(path), Text: string(text)}
		if f.Name == "main.go" {
			files = slices.Insert(files, 0, f)
			continue
		}
		files = append(files, f)
	}
	return files, nil
}

func compile(ctx context.Context, folder string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "agora-task-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "task.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, ".")
	build.Dir = folder
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s does not build (%w); a task in another language is packed from its .wasm file\n%s", folder, err, bytes.TrimSpace(text))
	}
	return os.ReadFile(out)
}

// Module builds a template as it is.
func Module(ctx context.Context, template string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "agora-task-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	folder := filepath.Join(dir, template)
	if err := Write(folder, template, template); err != nil {
		return nil, err
	}
	return Build(ctx, folder)
}
