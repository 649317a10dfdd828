// Command generate compiles the .proto files under proto/ into the Go packages beside their modules.
// It needs nothing but Go: third-party files come out of the module cache, the compiler and the plugins are modules.
//
//	go run ./proto/generate          write the files
//	go run ./proto/generate -check   exit with 1 if a committed file differs
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// plugins are run as `go tool NAME` with their parameter.
var plugins = []struct{ name, parameter string }{
	{"protoc-gen-gocosmos", "plugins=grpc,Mgoogle/protobuf/any.proto=github.com/cosmos/gogoproto/types/any"},
	{"protoc-gen-grpc-gateway", "logtostderr=true"},
}

// thirdParty maps a Go module to the folder inside it that holds its .proto files.
var thirdParty = map[string]string{
	"github.com/cosmos/gogoproto":            "",
	"github.com/cosmos/cosmos-proto":         "proto",
	"github.com/cosmos/cosmos-sdk":           "proto",
	"github.com/grpc-ecosystem/grpc-gateway": "third_party/googleapis",
}

func main() {
	check := flag.Bool("check", false, "compare instead of writing")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	roots, err := importRoots()
	if err != nil {
		return err
	}
	files, err := ownFiles("proto")
	if err != nil {
		return err
	}
	request, err := compile(roots, files)
	if err != nil {
		return err
	}
	for _, files := range byFolder(files) {
		request.FileToGenerate = files
		for _, p := range plugins {
			out, err := runPlugin(p.name, p.parameter, request)
			if err != nil {
				return err
			}
			if err := place(out, check); err != nil {
				return err
			}
		}
	}
	return nil
}

// byFolder groups files by folder: a plugin takes one Go package at a time.
func byFolder(files []string) map[string][]string {
	groups := map[string][]string{}
	for _, f := range files {
		groups[filepath.Dir(f)] = append(groups[filepath.Dir(f)], f)
	}
	return groups
}

// importRoots lists the folders in which imports are looked up, ours first.
func importRoots() ([]string, error) {
	roots := []string{"proto"}
	for module, sub := range thirdParty {
		if out, err := exec.Command("go", "mod", "download", module).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go mod download %s: %w: %s", module, err, out)
		}
		dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			return nil, fmt.Errorf("go list -m %s: %w", module, err)
		}
		roots = append(roots, filepath.Join(strings.TrimSpace(string(dir)), sub))
	}
	return roots, nil
}

func ownFiles(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".proto" {
			return err
		}
		rel, err := filepath.Rel(root, path)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	return files, err
}

// compile resolves files and everything they import into one plugin request, dependencies first.
func compile(roots, files []string) (*pluginpb.CodeGeneratorRequest, error) {
	c := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: roots}),
		SourceInfoMode: protocompile.SourceInfoStandard,
	}
	compiled, err := c.Compile(context.Background(), files...)
	if err != nil {
		return nil, err
	}
	req := &pluginpb.CodeGeneratorRequest{}
	seen := map[string]bool{}
	for _, f := range compiled {
		addFile(req, seen, f)
	}
	return req, nil
}

func addFile(req *pluginpb.CodeGeneratorRequest, seen map[string]bool, f protoreflect.FileDescriptor) {
	if seen[f.Path()] {
		return
	}
	seen[f.Path()] = true
	for i := range f.Imports().Len() {
		addFile(req, seen, f.Imports().Get(i).FileDescriptor)
	}
	req.ProtoFile = append(req.ProtoFile, plain(protodesc.ToFileDescriptorProto(f)))
}

// plain re-reads a descriptor so that its extensions are bytes, as a plugin with its own registry expects.
func plain(d *descriptorpb.FileDescriptorProto) *descriptorpb.FileDescriptorProto {
	bz, err := proto.Marshal(d)
	if err != nil {
		return d
	}
	out := &descriptorpb.FileDescriptorProto{}
	if proto.Unmarshal(bz, out) != nil {
		return d
	}
	return out
}

func runPlugin(name, parameter string, req *pluginpb.CodeGeneratorRequest) (*pluginpb.CodeGeneratorResponse, error) {
	req.Parameter = proto.String(parameter)
	in, err := proto.Marshal(req)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "tool", name)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	resp := &pluginpb.CodeGeneratorResponse{}
	if err := proto.Unmarshal(out, resp); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if resp.Error != nil {
		return nil, fmt.Errorf("%s: %s", name, resp.GetError())
	}
	return resp, nil
}

// place writes or compares the generated files; their names begin with the module's path.
func place(resp *pluginpb.CodeGeneratorResponse, check bool) error {
	for _, f := range resp.File {
		path := strings.TrimPrefix(f.GetName(), "agora/")
		if check {
			have, err := os.ReadFile(path)
			if err != nil || string(have) != f.GetContent() {
				return fmt.Errorf("%s is not current: run `make generate` and commit it", path)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(f.GetContent()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
