package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/scenario"
)

var rewrite = flag.Bool("rewrite", false, "write docs/scenarios.md again")

const indexFile = "../docs/scenarios.md"

// TestIndexIsUpToDate holds docs/scenarios.md to the stories: the first comment of each says what it shows.
func TestIndexIsUpToDate(t *testing.T) {
	want := index(t)
	if *rewrite {
		if err := os.WriteFile(indexFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(indexFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is out of date: go test ./scenario -run Index -rewrite", indexFile)
	}
}

func index(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# The market in %d stories\n\n", len(files))
	b.WriteString("Each story is a text file that runs through the real application in `go test ./scenario`; the language is described\n" +
		"in [scenario/doc.go](../scenario/doc.go). After every block the books are checked: every rao is accounted for.\n\n" +
		"| story | what it shows |\n| --- | --- |\n")
	for _, file := range files {
		name := filepath.Base(file)
		fmt.Fprintf(&b, "| [%s](../scenario/testdata/%s) | %s |\n", strings.TrimSuffix(name, ".txt"), name, title(t, file))
	}
	fmt.Fprintf(&b, "\nWhat a story can expect: `%s`.\n", strings.Join(scenario.Measures(), "`, `"))
	return b.String()
}

// title is the first line of a story, a comment.
func title(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	title, ok := strings.CutPrefix(first, "# ")
	if !ok {
		t.Errorf("%s does not begin with a comment that says what it shows", file)
	}
	return title
}
