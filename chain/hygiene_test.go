// Package chain_test holds every node to the same results.
package chain_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// exceptions says which rule a package, or a file of it, may break, and why.
var exceptions = map[string]map[string]string{
	"agora/mechanism/score":         {"float": "runs off chain, in validators", "map range": "runs off chain, in validators"},
	"agora/mechanism/yuma":          {"goroutine": "columns are independent and integers; the chain runs it with one worker"},
	"agora/chain/network/config.go": {"environment": "sets, and does not read, where the SDK keeps the prefix of addresses"},
	"agora/chain/app/server.go":     {"map range": "lists commands for the command line, before any block"},
}

// offChain names packages of the tree that no node runs in a block.
var offChain = []string{"/simulation", "/yumatest"}

// What one node computes in a block every node must compute: no floats, whose rounding may differ by compiler; no clock
// and no randomness; no goroutines and no ranging over maps, whose order differs by run; nothing of the machine it runs on, and
// no reflection, which brings all of that back.
func TestStateMachineCodeIsDeterministic(t *testing.T) {
	loaded := load(t, "./chain/x/...", "./chain/app/...", "./chain/network/...", "./mechanism/...")
	used := map[string]bool{}
	for _, pkg := range loaded {
		if slices.ContainsFunc(offChain, func(s string) bool { return strings.HasSuffix(pkg.PkgPath, s) }) {
			continue
		}
		for _, f := range inspect(pkg) {
			at := pkg.Fset.Position(f.pos)
			place, excepted := exceptionFor(pkg.PkgPath, filepath.Base(at.Filename), f.rule)
			if !excepted {
				t.Errorf("%s: %s: %s", at, f.rule, f.what)
			}
			used[place+f.rule] = true
		}
	}
	if len(loaded) < 12 {
		t.Errorf("only %d packages were found", len(loaded))
	}
	for path, rules := range exceptions {
		for rule := range rules {
			if !used[path+rule] {
				t.Errorf("%s does not need its exception from %q any more", path, rule)
			}
		}
	}
}

// exceptionFor finds the row of a file, or else of its package.
func exceptionFor(pkg, file, rule string) (place string, excepted bool) {
	for _, place := range []string{pkg + "/" + file, pkg} {
		if exceptions[place][rule] != "" {
			return place, true
		}
	}
	return pkg, false
}

// load reads packages, named from the root of the tree, with their types.
func load(t *testing.T, patterns ...string) []*packages.Package {
	t.Helper()
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
			packages.NeedImports,
		Dir: "..",
	}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range loaded {
		for _, e := range pkg.Errors {
			t.Errorf("%s: %v", pkg.PkgPath, e)
		}
	}
	return loaded
}

// Every breach of a rule in the sample, marked on its line, is seen, and nothing else.
func TestEveryBreachIsSeen(t *testing.T) {
	seen := map[string]bool{}
	for _, pkg := range load(t, "./chain/testdata/breach") {
		for _, f := range inspect(pkg) {
			seen[fmt.Sprintf("%d: %s", pkg.Fset.Position(f.pos).Line, f.rule)] = true
		}
	}
	text, err := os.ReadFile("testdata/breach/breach.go")
	if err != nil {
		t.Fatal(err)
	}
	marked := map[string]bool{}
	rules := map[string]bool{}
	for i, line := range strings.Split(string(text), "\n") {
		if _, rule, found := strings.Cut(line, "// breach: "); found {
			marked[fmt.Sprintf("%d: %s", i+1, rule)] = true
			rules[rule] = true
		}
	}
	for place := range marked {
		if !seen[place] {
			t.Errorf("line %s: not seen", place)
		}
	}
	for place := range seen {
		if !marked[place] {
			t.Errorf("line %s: seen where there is none", place)
		}
	}
	for _, rule := range banned {
		if !rules[rule] {
			t.Errorf("the sample has no %s", rule)
		}
	}
}

// finding is a breach of a rule.
type finding struct {
	pos        token.Pos
	rule, what string
}

// banned lists functions, types, methods and packages that give another answer each time.
var banned = map[string]string{
	"time.Now": "clock", "time.Since": "clock", "time.Until": "clock", "time.Sleep": "clock", "time.After": "clock",
	"time.AfterFunc": "clock", "time.Tick": "clock", "time.NewTimer": "clock", "time.NewTicker": "clock",
	"context.WithTimeout": "clock", "context.WithDeadline": "clock",
	"math/rand": "randomness", "math/rand/v2": "randomness", "crypto/rand": "randomness",
	"hash/maphash": "randomness",
	"maps":         "map range", "sync.Map": "map range",
	"os": "environment", "net": "environment", "unsafe": "environment", "syscall": "environment",
	"runtime": "environment", "runtime/debug": "environment", "time.Local": "environment", "time.Time.Local": "environment",
	"time.LoadLocation": "environment",
	"reflect":           "reflection", // its MapKeys and MapRange have the order of a map, its Pointer an address
}

// address is a verb that prints where something lies in memory.
var address = regexp.MustCompile(`%[-+# 0]*(\[\d+\])?[\d.*]*p`)

func inspect(pkg *packages.Package) (found []finding) {
	for _, file := range pkg.Syntax {
		name := pkg.Fset.Position(file.Pos()).Filename
		if strings.HasSuffix(name, ".pb.go") || strings.HasSuffix(name, ".pb.gw.go") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if f, bad := judge(pkg.TypesInfo, n); bad {
				found = append(found, f)
			}
			return true
		})
	}
	return found
}

func judge(info *types.Info, n ast.Node) (finding, bool) {
	switch n := n.(type) {
	case *ast.GoStmt:
		return finding{n.Pos(), "goroutine", "go statement"}, true
	case *ast.SelectStmt:
		return finding{n.Pos(), "goroutine", "select statement"}, true
	case *ast.RangeStmt:
		if of := info.TypeOf(n.X); of != nil {
			if _, isMap := of.Underlying().(*types.Map); isMap {
				return finding{n.Pos(), "map range", of.String()}, true
			}
		}
	case *ast.SelectorExpr:
		return judgeUse(info, n)
	case *ast.BasicLit:
		if n.Kind == token.STRING && address.MatchString(n.Value) {
			return finding{n.Pos(), "environment", "an address: " + n.Value}, true
		}
		return judgeType(info, n)
	case ast.Expr:
		return judgeType(info, n)
	}
	return finding{}, false
}

// judgeType finds values whose rounding may differ.
func judgeType(info *types.Info, n ast.Expr) (finding, bool) {
	of := info.TypeOf(n)
	if of == nil {
		return finding{}, false
	}
	if basic, ok := of.Underlying().(*types.Basic); ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0 &&
		basic.Info()&types.IsUntyped == 0 {
		return finding{n.Pos(), "float", basic.String()}, true
	}
	if name := strings.TrimLeft(of.String(), "*"); name == "math/big.Float" {
		return finding{n.Pos(), "float", name}, true
	}
	return finding{}, false
}

// judgeUse looks at what a selector takes out of a package.
func judgeUse(info *types.Info, n *ast.SelectorExpr) (finding, bool) {
	object := info.Uses[n.Sel]
	if object == nil || object.Pkg() == nil {
		return finding{}, false
	}
	path := object.Pkg().Path()
	if rule := banned[path]; rule != "" {
		return finding{n.Pos(), rule, path + "." + object.Name()}, true
	}
	names := []string{path + "." + object.Name()}
	if f, ok := object.(*types.Func); ok && f.Signature().Recv() != nil {
		of := strings.TrimLeft(f.Signature().Recv().Type().String(), "*")
		names = []string{of, of + "." + object.Name()}
	}
	for _, name := range names {
		if rule := banned[name]; rule != "" {
			return finding{n.Pos(), rule, name}, true
		}
	}
	return judgeType(info, n)
}
