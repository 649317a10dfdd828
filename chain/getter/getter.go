// Package getter stands in for hashicorp/go-getter, which the SDK's upgrade module wants for one thing: to look, when somebody
// proposes an upgrade, whether the programs that he names can be had. The original brings the clients of two clouds and what they
// need, 374 packages; this one gets a file over HTTP and compares its checksum. Archives and other schemes are refused.
package getter

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds of a download.
const (
	mostBytes = 1 << 30
	mostTime  = 15 * time.Minute
)

// ErrSource says that a URL is not one that this package reads.
var ErrSource = errors.New("give the http or https URL of the program itself, with checksum=sha256:HEX, or --no-validate")

// ChecksumError says that a file is another than the URL promises.
type ChecksumError struct {
	Want, Got string // hex
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("the checksum is %s, the URL promises %s", e.Got, e.Want)
}

// Getter is a way of getting a file; HttpGetter is the only one.
type Getter interface{ client() *http.Client }

// HttpGetter gets files by GET with Client, or the default one.
type HttpGetter struct {
	Client                *http.Client
	XTerraformGetDisabled bool // no header is followed anyway
}

func (g *HttpGetter) client() *http.Client {
	if g.Client == nil {
		return http.DefaultClient
	}
	return g.Client
}

// Getters are those by scheme.
var Getters = map[string]Getter{"http": &HttpGetter{}, "https": &HttpGetter{}}

// Client is one download: of the URL Src into the file Dst, whose folder is made.
type Client struct {
	Ctx             context.Context
	DisableSymlinks bool // a single file has none
	Src, Dst, Pwd   string
	Getters         map[string]Getter
}

// Get downloads. The file is there when it is whole and, if the URL has a parameter checksum=sha256:HEX or checksum=sha512:HEX, has
// that checksum. Errors: ErrSource, *ChecksumError, or what the network or the disk says.
func (c *Client) Get() error {
	if err := os.MkdirAll(filepath.Dir(c.Dst), 0o755); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(c.Dst), ".part")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	if err := errors.Join(c.fetch(part), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), c.Dst)
}

// Get of a folder, as the upgrade module asks for it where a file could not be had, says why not.
func Get(_, src string) error {
	c := Client{Ctx: context.Background(), Src: src, Getters: Getters}
	if err := c.fetch(io.Discard); err != nil {
		return err
	}
	return fmt.Errorf("%s is one file: %w", src, ErrSource)
}

var archives = []string{".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".tzst", ".zip"}

func (c *Client) fetch(to io.Writer) error {
	u, err := url.Parse(c.Src)
	if err != nil {
		return err
	}
	getter := c.Getters[u.Scheme]
	if getter == nil || slices.Contains(archives, path.Ext(u.Path)) {
		return fmt.Errorf("%s cannot be read: %w", c.Src, ErrSource)
	}
	sum, want, err := promised(u)
	if err != nil {
		return err
	}
	if err := download(c.Ctx, getter.client(), u, io.MultiWriter(to, sum)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); want != "" && got != want {
		return &ChecksumError{want, got}
	}
	return nil
}

// promised takes the checksum out of a URL; without one, want is empty.
func promised(u *url.URL) (sum hash.Hash, want string, err error) {
	query := u.Query()
	text := query.Get("checksum")
	query.Del("checksum")
	u.RawQuery = query.Encode()
	kind, value, _ := strings.Cut(text, ":")
	switch kind {
	case "", "sha256":
		sum = sha256.New()
	case "sha512":
		sum = sha512.New()
	default:
		return nil, "", fmt.Errorf("checksum %q is neither sha256:HEX nor sha512:HEX", text)
	}
	if bytes, err := hex.DecodeString(value); text != "" && (err != nil || len(bytes) != sum.Size()) {
		return nil, "", fmt.Errorf("checksum %q is not %d bytes of hex", text, sum.Size())
	}
	return sum, strings.ToLower(value), nil
}

func download(ctx context.Context, client *http.Client, u *url.URL, to io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", u, res.Status)
	}
	n, err := io.Copy(to, io.LimitReader(res.Body, mostBytes+1))
	if err == nil && n > mostBytes {
		err = fmt.Errorf("%s has more than %d bytes", u, mostBytes)
	}
	return err
}
