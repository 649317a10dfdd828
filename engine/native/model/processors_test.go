package model_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// The golden bits again, compiled for other processors and other levels of this one, each run as what it is.
func TestOtherProcessorsGiveTheSameBits(t *testing.T) {
	if os.Getenv("AGORA_NIGHTLY") == "" {
		t.Skip("compiles for six targets: AGORA_NIGHTLY=1, or make models")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("runs 386 and amd64 programs")
	}
	for _, c := range []struct {
		name, env string
		run       []string
	}{
		{"386", "GOARCH=386", nil},
		{"v1", "GOAMD64=v1", nil},
		{"v2", "GOAMD64=v2", nil},
		{"v3", "GOAMD64=v3", nil},
		{"v4", "GOAMD64=v4", nil},
		{"arm64", "GOARCH=arm64", []string{"qemu-aarch64-static"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, program := range c.run {
				if _, err := exec.LookPath(program); err != nil {
					t.Skip("install the package qemu-user-static to run this: ", err)
				}
			}
			binary := filepath.Join(t.TempDir(), "model.test")
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".")
			build.Env = append(os.Environ(), "CGO_ENABLED=0", c.env)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			words := append(append([]string(nil), c.run...), binary, "-test.run", "TestLogitsAreTheGoldenBits")
			if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
