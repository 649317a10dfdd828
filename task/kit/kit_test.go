package kit

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agora/task"
	"agora/task/kit/guest"
	"agora/task/wasm"
)

func TestTemplatesAreShortAndStandAlone(t *testing.T) {
	want := []string{"capitals", "captions", "code", "constraints", "extraction", "reading", "retrieval", "speech", "translation"}
	if got := Templates(); !slices.Equal(got, want) {
		t.Fatalf("templates are %v", got)
	}
	for _, template := range Templates() {
		dir := filepath.Join(t.TempDir(), "mine")
		if err := Write(dir, "mine", template); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(text), "\n"); lines > 100 {
			t.Errorf("%s has %d lines", template, lines)
		}
		if !strings.Contains(string(text), `Name: "mine"`) || !strings.Contains(string(text), `"mine/guest"`) {
			t.Errorf("%s keeps its name:\n%s", template, text)
		}
		for _, file := range []string{"go.mod", "main_test.go", "guest/guest.go", "guest/ask_wasip1.go"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Errorf("%s: %v", template, err)
			}
		}
	}
	if err := Write(filepath.Join(t.TempDir(), "x"), "mine", "poems"); err == nil || !strings.Contains(err.Error(), "translation") {
		t.Errorf("a template that there is not: %v", err)
	}
	if err := Write(filepath.Join(t.TempDir(), "x"), "My Task", ""); err == nil {
		t.Error("a bad name is taken")
	}
}

// What a module carries of its folder is its Go, main.go first, and no tests.
func TestTheSourceOfAFolderIsItsGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if err := Write(dir, "mine", "reading"); err != nil {
		t.Fatal(err)
	}
	files, err := source(dir)
	if err != nil || len(files) != 2 || files[0].Name != "main.go" || files[1].Name != "font.go" || !strings.Contains(files[0].Text, `Name: "mine"`) {
		t.Errorf("%v, %v", files, err)
	}
	for _, template := range Templates() {
		dir := filepath.Join(t.TempDir(), "mine")
		if err := Write(dir, "mine", template); err != nil {
			t.Fatal(err)
		}
		if files, err = source(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := wasm.WithSource(nil, files); err != nil {
			t.Errorf("%s: %v", template, err)
		}
	}
}

// What a template is in the sandbox is what its test sees outside. Building the modules takes the processor minutes, so this is of the
// nightly tests.
func TestTemplatesBuildAndTestInAFolderOfTheirOwn(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1 builds every template")
	}
	for _, template := range Templates() {
		dir := filepath.Join(t.TempDir(), "mine")
		if err := Write(dir, "mine", template); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"test", "-timeout", "2h", "./..."}, {"build", "-buildmode=c-shared", "-o", "task.wasm", "."}} {
			cmd := exec.CommandContext(t.Context(), "go", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "TASK_SEEDS=200")
			if args[0] == "build" {
				cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: go %s: %v\n%s", template, args[0], err, out)
			}
		}
	}
}

// knowing answers every question with one text.
type knowing struct{ text string }

func (k *knowing) Ask(context.Context, [32]byte, []byte) ([]byte, error) { return []byte(k.text), nil }

// A module that Go's compiler made asks its judge in the sandbox. Building it takes the processor half a minute: nightly.
func TestATemplateAsksItsJudgeInTheSandbox(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("AGORA_NIGHTLY=1 builds a module")
	}
	file := filepath.Join(t.TempDir(), "task.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", file, "./translation")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	judge := &knowing{}
	host, err := wasm.NewHost(t.Context(), wasm.Config{Ask: judge})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close(context.Background())
	m, err := host.Load(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(3) {
		item, err := m.Item(t.Context(), task.Seed{1}, i)
		if err != nil {
			t.Fatal(err)
		}
		judge.text = string(item.Key)
		for text, want := range map[string]float64{"Der Bauer kauft heute zwei Boote.": 1, string(item.Key): 0} {
			v, err := m.Score(t.Context(), item.Key, guest.Answer(text))
			if err != nil || v.Score != want || len(v.Transcript) != int(want) {
				t.Errorf("%q scores %+v, %v", text, v, err)
			}
		}
	}
}
