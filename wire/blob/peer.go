package blob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"agora/wire"
)

// Peer gives parts of files. What it says is checked.
type Peer interface {
	String() string
	// Manifest says what a model's file is made of; ErrNotHere if the peer has none.
	Manifest(ctx context.Context, digest string) (Manifest, error)
	// Chunk gives chunk n of the file that m describes.
	Chunk(ctx context.Context, m Manifest, n int) ([]byte, error)
}

// mostManifest bounds what is read of a manifest: 4,096 hashes and room.
const mostManifest = 512 << 10

// NewClient returns a client for addresses that strangers published: without allowPrivate only public ones are dialled, by
// the address that a name leads to at that moment, and every redirect is held to the same.
func NewClient(allowPrivate bool) *http.Client {
	t := &http.Transport{
		DialContext: wire.Dialer(allowPrivate).DialContext, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		MaxConnsPerHost: 8, IdleConnTimeout: time.Minute,
	}
	return &http.Client{Transport: t, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > 3 {
			return errors.New("more than 3 redirects")
		}
		return nil
	}}
}

// Server asks a server of this package.
type server struct {
	base   string // "https://host"
	client *http.Client
}

// At is the peer behind a base URL such as https://gateway.example.org, asked through client.
func At(base string, client *http.Client) Peer {
	return server{strings.TrimSuffix(strings.TrimSuffix(base, "/"), "/v1"), client}
}

func (s server) String() string { return s.base }

func (s server) Manifest(ctx context.Context, digest string) (m Manifest, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience(mostManifest))
	defer cancel()
	res, err := get(ctx, s.client, s.base+"/v1/models/"+digest, "")
	if err != nil {
		return m, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return m, ErrNotHere
	}
	if res.StatusCode != http.StatusOK {
		return m, refused(res)
	}
	d := json.NewDecoder(io.LimitReader(res.Body, mostManifest))
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	return m, nil
}

func (s server) Chunk(ctx context.Context, m Manifest, n int) ([]byte, error) {
	_, size := m.Span(n)
	return read(ctx, s.client, fmt.Sprintf("%s/v1/models/%s/%d", s.base, m.Digest, n), "", http.StatusOK, size)
}

// source is a plain file on the web. It has no manifest; another peer's is needed.
type source struct {
	url    string
	client *http.Client
}

// File is the peer behind the URL of a file, such as the author names: any server that answers ranges.
func File(url string, client *http.Client) Peer { return source{url, client} }

func (s source) String() string { return s.url }

func (source) Manifest(context.Context, string) (Manifest, error) { return Manifest{}, ErrNotHere }

func (s source) Chunk(ctx context.Context, m Manifest, n int) ([]byte, error) {
	offset, size := m.Span(n)
	return read(ctx, s.client, s.url, fmt.Sprintf("bytes=%d-%d", offset, offset+size-1), http.StatusPartialContent, size)
}

// read gets exactly size bytes of an answer with the status want, in the time that they may take.
func read(ctx context.Context, client *http.Client, url, ranged string, want int, size int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience(size))
	defer cancel()
	res, err := get(ctx, client, url, ranged)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != want {
		return nil, refused(res)
	}
	chunk := make([]byte, size)
	if _, err := io.ReadFull(res.Body, chunk); err != nil {
		return nil, fmt.Errorf("a chunk of %d bytes: %w", size, err)
	}
	return chunk, nil
}

func get(ctx context.Context, client *http.Client, url, ranged string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if ranged != "" {
		req.Header.Set("Range", ranged)
	}
	return client.Do(req)
}

// errBusy says that a peer has no room now.
var errBusy = errors.New("busy")

func refused(res *http.Response) error {
	if res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("%w: %s", errBusy, res.Status)
	}
	return fmt.Errorf("the answer is %s", res.Status)
}

// Peers are those that a chain tells of: gateways that may have any model, and the sources that an author names.
func Peers(gateways, sources []string, client *http.Client) []Peer {
	var peers []Peer
	for _, url := range gateways {
		if url != "" {
			peers = append(peers, At(url, client))
		}
	}
	for _, url := range sources {
		peers = append(peers, File(url, client))
	}
	return peers
}
