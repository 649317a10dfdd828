// Package chain_test holds every node to the same results.
package chain_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// exceptions says which rule a package may break, and why.
var exceptions = map[string]map[string]string{
	"agora/mechanism/score": {"float": "runs off chain, in validators", "map range": "runs off chain, in validators"},
	"agora/mechanism/yuma":  {"goroutine": "columns are independent and integers; the chain runs it with one worker"},
}

// offChain names packages of the tree that no node runs in a block.
var offChain = []string{"/simulation", "/yumatest"}

// What one node computes in a block every node must compute: no floats, whose rounding may differ by compiler; no clock
// and no randomness; no goroutines and no ranging over maps, whose order differs by run.
func TestStateMachineCodeIsDeterministic(t *testing.T) {
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
			packages.NeedImports,
		Dir: "..",
	}, "./chain/x/...", "./mechanism/...")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, pkg := range loaded {
		for _, e := range pkg.Errors {
			t.Errorf("%s: %v", pkg.PkgPath, e)
		}
		if slices.ContainsFunc(offChain, func(s string) bool { return strings.HasSuffix(pkg.PkgPath, s) }) {
			continue
		}
		for _, finding := range inspect(pkg) {
			if exceptions[pkg.PkgPath][finding.rule] == "" {
				t.Errorf("%s: %s: %s", pkg.Fset.Position(finding.pos), finding.rule, finding.what)
			}
			used[pkg.PkgPath+finding.rule] = true
		}
	}
	if len(loaded) < 10 {
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

// finding is a breach of a rule.
type finding struct {
	pos        token.Pos
	rule, what string
}

// banned lists functions and packages that give another answer each time.
var banned = map[string]string{
	"time.Now": "clock", "time.Since": "clock", "time.Until": "clock", "time.Sleep": "clock", "time.After": "clock",
	"time.AfterFunc": "clock", "time.Tick": "clock", "time.NewTimer": "clock", "time.NewTicker": "clock",
	"math/rand": "randomness", "math/rand/v2": "randomness", "crypto/rand": "randomness",
	"maps": "map range", "os": "environment", "net": "environment", "unsafe": "environment",
}

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
	case ast.Expr:
		if basic, ok := underlying(info.TypeOf(n)); ok && basic.Info()&(types.IsFloat|types.IsComplex) != 0 &&
			basic.Info()&types.IsUntyped == 0 {
			return finding{n.Pos(), "float", basic.String()}, true
		}
	}
	return finding{}, false
}

func underlying(t types.Type) (*types.Basic, bool) {
	if t == nil {
		return nil, false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return basic, ok
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
	if f, ok := object.(*types.Func); !ok || f.Signature().Recv() != nil {
		return finding{}, false
	}
	name := fmt.Sprint(path, ".", object.Name())
	if rule := banned[name]; rule != "" {
		return finding{n.Pos(), rule, name}, true
	}
	return finding{}, false
}
