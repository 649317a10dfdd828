// Package kit holds what a new task starts from: a library in Go for the module's side of the interface (guest), a working task
// with its test (capitals), and one in another language (sums, AssemblyScript).
package kit

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed guest/*.go capitals/*.go
var files embed.FS

var name = regexp.MustCompile(`^[a-z][a-z0-9-]{2,31}$`)

// Write makes a folder with a task of this name: lower-case letters, digits and hyphens, 3 to 32. It stands alone: the standard
// toolchain builds and tests it without this module. A folder that exists is an error.
func Write(dir, task string) error {
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
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, "capitals/"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(renamed(string(text), task)), 0o644)
	})
}

// renamed puts the task's own name where the example has its.
func renamed(text, task string) string {
	return strings.NewReplacer(`"agora/task/kit/guest"`, `"`+task+`/guest"`, `Name: "capitals"`, `Name: "`+task+`"`,
		"Command capitals is", "Command "+task+" is").Replace(text)
}
