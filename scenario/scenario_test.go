package scenario_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agora/scenario"
)

func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := scenario.Run(string(text)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		})
	}
}
