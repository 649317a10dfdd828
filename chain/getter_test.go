package chain_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-getter"

	"github.com/cosmos/cosmos-sdk/x/upgrade/plan"
)

const programText = "#!/bin/sh\n"

// programs serves one at every path but /missing.
func programs(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" || r.URL.Query().Has("checksum") {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(programText)) // the client has gone where it fails
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// get downloads as the upgrade module does, and returns what lies in the folder then.
func get(t *testing.T, src string) (text string, files int, err error) {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "bin", "agora")
	c := getter.Client{Ctx: t.Context(), DisableSymlinks: true, Src: src, Dst: dst, Pwd: dst, Getters: getter.Getters}
	err = c.Get()
	entries, readErr := os.ReadDir(filepath.Dir(dst))
	if readErr != nil {
		t.Fatal(readErr)
	}
	bytes, _ := os.ReadFile(dst) // absent where it could not be had
	return string(bytes), len(entries), err
}

func TestAnUpgradesFileIsHeldToItsChecksum(t *testing.T) {
	base := programs(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(programText)))
	for _, query := range []string{"", "?checksum=sha256:" + sum, "?v=1&checksum=sha256:" + strings.ToUpper(sum)} {
		if text, _, err := get(t, base+"/agora"+query); err != nil || text != programText {
			t.Errorf("%q: %v, got %q", query, err, text)
		}
	}
	other := strings.Repeat("0", 64)
	var wrong *getter.ChecksumError
	if _, files, err := get(t, base+"/agora?checksum=sha256:"+other); !errors.As(err, &wrong) || wrong.Got != sum || files != 0 {
		t.Errorf("another file than promised: %v, %d files left", err, files)
	}
}

func TestWhatIsNoFileOfAnUpgradeIsRefused(t *testing.T) {
	base := programs(t)
	for src, want := range map[string]string{
		base + "/missing":                    "404",
		base + "/agora.tar.gz":               "--no-validate",
		base + "/agora.zip?checksum=sha256:": "--no-validate",
		"s3::https://example.com/agora":      "--no-validate",
		"file:///bin/sh":                     "--no-validate",
		"/bin/sh":                            "--no-validate",
		base + "/agora?checksum=md5:00":      "neither sha256",
		base + "/agora?checksum=sha256:00":   "32 bytes of hex",
		base + "/agora?checksum=sha512:zz":   "64 bytes of hex",
		"http://%zz":                         "invalid URL escape",
	} {
		if _, files, err := get(t, src); err == nil || !strings.Contains(err.Error(), want) || files != 0 {
			t.Errorf("%s: %v, want %q; %d files left", src, err, want, files)
		}
		if err := getter.Get(t.TempDir(), src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("as a folder, %s: %v", src, err)
		}
	}
	if err := getter.Get(t.TempDir(), base+"/agora"); !errors.Is(err, getter.ErrSource) {
		t.Errorf("a file as a folder: %v", err)
	}
}

// TestAProposedUpgradesProgramsAreLookedAt does what the SDK does before it proposes.
func TestAProposedUpgradesProgramsAreLookedAt(t *testing.T) {
	base := programs(t)
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(programText)))
	for url, want := range map[string]string{
		base + "/agora?checksum=sha256:" + sum:                     "",
		base + "/agora":                                            "missing checksum",
		base + "/agora?checksum=sha256:" + strings.Repeat("0", 64): "the URL promises",
		base + "/missing?checksum=sha256:" + sum:                   "404",
	} {
		info, err := plan.ParseInfo(fmt.Sprintf(`{"binaries":{"linux/amd64":%q}}`, url), plan.ParseOptionEnforceChecksum(true))
		if err != nil {
			t.Fatal(err)
		}
		if err := info.ValidateFull("agora"); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// refusing takes no connection: what a URL says is judged before.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.ErrUnsupported }

func FuzzAnUpgradesURL(f *testing.F) {
	for _, src := range []string{"https://example.com/agora?checksum=sha256:00", "http://[::1]:80/a.zip", "s3::x", "http://a?checksum=sha512"} {
		f.Add(src)
	}
	getters := map[string]getter.Getter{"http": &getter.HttpGetter{Client: &http.Client{Transport: refusing{}}}}
	f.Fuzz(func(t *testing.T, src string) {
		dst := filepath.Join(t.TempDir(), "agora")
		c := getter.Client{Ctx: t.Context(), Src: src, Dst: dst, Getters: getters}
		if err := c.Get(); err == nil {
			t.Errorf("%q was had from nowhere", src)
		}
	})
}
