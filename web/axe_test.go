package web

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// The accessibility checker, taken from the package registry into the user's cache once.
const (
	axePackage = "axe-core@4.14.1"
	axeFile    = "axe-core-4.14.1.tgz"
	axeHash    = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745" // SHA-256 of the package
)

// axe is the checker's script, or skips the test where the registry cannot be reached.
func axe(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	dir := filepath.Join(cache, "agora-test")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	file := filepath.Join(dir, axeFile)
	if _, err := os.Stat(file); err != nil {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, axePackage).CombinedOutput(); err != nil {
			t.Skipf("no %s: npm cannot fetch it: %v\n%s", axePackage, err, out)
		}
	}
	packed, err := os.ReadFile(file)
	require.NoError(t, err)
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != axeHash {
		t.Fatalf("%s is not the package that was pinned: remove it", file)
	}
	script, err := unpack(packed, "package/axe.min.js")
	require.NoError(t, err)
	return script
}

func unpack(packed []byte, name string) (string, error) {
	z, err := gzip.NewReader(strings.NewReader(string(packed)))
	if err != nil {
		return "", err
	}
	for archive := tar.NewReader(z); ; {
		header, err := archive.Next()
		if err != nil {
			return "", errors.Join(err, fmt.Errorf("no %s in the package", name))
		}
		if header.Name == name {
			text, err := io.ReadAll(archive)
			return string(text), err
		}
	}
}

// everyPage is all that the site has.
var everyPage = []string{"/", "/subnets/1", "/subnets/2", "/subnets/1/miners/1", "/subnets/1/models", "/subnets/2/models", "/subnets/1/models/" + someDigest, "/validators", "/money", "/try", "/nowhere"}

// TestNoPageHasAnAccessibilityFinding asks axe of every page, wide and narrow, light and dark.
func TestNoPageHasAnAccessibilityFinding(t *testing.T) {
	t.Parallel()
	ctx := browse(t)
	script := axe(t)
	_, srv, _ := stageWithGateway(t, Options{})
	for _, screen := range []struct {
		width  int64
		scheme string
	}{{1280, "light"}, {390, "light"}, {390, "dark"}} {
		for _, path := range everyPage {
			within(t, "the screen", func() error {
				wish := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: screen.scheme}}
				if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: wish}); err != nil {
					return err
				}
				return chromedp.Do(ctx, chromedp.EmulateViewport(screen.width, 800))
			})
			visit(t, ctx, srv.URL+path)
			within(t, "loading the checker", func() error {
				_, err := chromedp.Run(ctx, chromedp.Evaluate[any](script+";0"))
				return err
			})
			within(t, "starting the checker", func() error {
				_, err := chromedp.Run(ctx, chromedp.Evaluate[any](`axe.run().then(r => { window.found = JSON.stringify(r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html).slice(0, 3)])); }, e => { window.found = String(e); }); 0`))
				return err
			})
			await(t, ctx, "the checker's findings", `typeof window.found === "string"`)
			var found string
			within(t, "reading them", func() (err error) {
				found, err = chromedp.Run(ctx, chromedp.Evaluate[string](`window.found`))
				return err
			})
			if found != "[]" {
				t.Errorf("%s at %d pixels, %s: %s", path, screen.width, screen.scheme, found)
			}
		}
	}
}

// TestTablesScrollByKeyboard moves a table that is wider than a narrow screen with the arrow keys, over a refresh too.
func TestTablesScrollByKeyboard(t *testing.T) {
	t.Parallel()
	ctx := browse(t)
	s, srv, _ := stageWithGateway(t, Options{})
	within(t, "a narrow screen", func() error { return chromedp.Do(ctx, chromedp.EmulateViewport(390, 800)) })
	visit(t, ctx, srv.URL+"/subnets/1")
	within(t, "focus", func() error { return chromedp.Do(ctx, chromedp.Focus("#scroll-board-1")) })
	within(t, "the arrow key", func() error {
		return chromedp.Do(ctx, chromedp.KeyEvent(kb.ArrowRight+kb.ArrowRight+kb.ArrowRight))
	})
	await(t, ctx, "the table has moved", `document.getElementById("scroll-board-1").scrollLeft > 0`)
	s.change(func(n *Snapshot) { n.Height += 10; n.Subnets[0].Epoch++ })
	await(t, ctx, "the page was refreshed", `document.querySelector(".facts b").textContent === "119"`)
	await(t, ctx, "the table is where it was, with the focus", `document.getElementById("scroll-board-1").scrollLeft > 0 && document.activeElement.id === "scroll-board-1"`)
}
