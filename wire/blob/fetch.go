package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Wanted says which file is wanted, and how it is known.
type Wanted struct {
	Digest string // "sha256:<hex>"
	Root   []byte // of the file, 32 bytes, where it is known
	Most   int64  // bytes that the file may have
	// Verify holds the whole file to the digest.
	Verify func(path string) error
	// Progress is told how many bytes are there of how many. May be nil.
	Progress func(have, of int64)
}

const (
	// workers is how many chunks are on their way at once.
	workers = 4
	// tries is how often a peer may fail before it is left; who lies is left at once.
	tries = 3
	// pause is how long a peer that is busy, or failed, is left alone.
	pause = time.Second
)

// Fetch gets a file into dir, which exists, and returns where it is. What an earlier call got is used, whatever ended it:
// every chunk on disk is hashed again first. A peer whose bytes do not match is left; if a manifest that nobody proves turns
// out to be of another file, whoever vouched for it is left and the next one is tried. Errors: ErrNoPeer, ErrWrong,
// ErrTooLarge, ctx's, the disk's.
func Fetch(ctx context.Context, dir string, w Wanted, peers []Peer) (path string, err error) {
	hexed, ok := strings.CutPrefix(w.Digest, "sha256:")
	if !ok || filepath.Base(hexed) != hexed {
		return "", fmt.Errorf("%w: digest %.80q, want sha256: and 64 hex digits", ErrManifest, w.Digest)
	}
	if w.Progress == nil {
		w.Progress = func(int64, int64) {}
	}
	f := &fetch{Wanted: w, part: filepath.Join(dir, hexed+".part"), faults: map[Peer]int{}}
	for {
		f.apart = map[Peer]bool{}
		m, vouched, err := f.manifest(ctx, peers)
		if err != nil {
			return "", err
		}
		err = f.fill(ctx, m, peers, vouched)
		if errors.Is(err, ErrNoPeer) && len(w.Root) == 0 { // others may have another file, and be right
			f.leaveAll(vouched, err)
			continue
		}
		if err != nil {
			return "", err
		}
		wrong := w.Verify(f.part)
		if wrong == nil {
			path = filepath.Join(dir, hexed+"."+m.Format)
			return path, os.Rename(f.part, path)
		}
		if err := os.Remove(f.part); err != nil {
			return "", err
		}
		if len(w.Root) > 0 {
			return "", fmt.Errorf("%w, though its root is right: %w", ErrWrong, wrong)
		}
		f.leaveAll(vouched, fmt.Errorf("%w: %w", ErrWrong, wrong))
	}
}

// fetch is one file on its way.
type fetch struct {
	Wanted
	part string

	mu     sync.Mutex
	faults map[Peer]int
	apart  map[Peer]bool // not asked for this manifest's file: they have another, and may be right
	said   []error       // why peers were left
}

// manifest asks the peers in order and returns the first manifest that holds, with those who vouch for it.
func (f *fetch) manifest(ctx context.Context, peers []Peer) (found Manifest, vouched []Peer, err error) {
	for _, p := range peers {
		if f.left(p) {
			continue
		}
		m, err := p.Manifest(ctx, f.Digest)
		if errors.Is(err, ErrNotHere) {
			continue // it may have the file all the same
		}
		if err == nil {
			err = f.check(m)
		}
		switch {
		case ctx.Err() != nil:
			return found, nil, ctx.Err()
		case err != nil:
			f.leave(p, err)
		case len(vouched) == 0:
			found, vouched = m, []Peer{p}
		case m.Root() == found.Root():
			vouched = append(vouched, p)
		default:
			f.apart[p] = true
		}
		if len(vouched) > 0 && len(f.Root) > 0 {
			return found, vouched, nil
		}
	}
	if len(vouched) == 0 {
		return found, nil, f.gone(peers)
	}
	return found, vouched, nil
}

func (f *fetch) check(m Manifest) error {
	if err := m.Check(f.Digest, f.Most); err != nil {
		return err
	}
	if root := m.Root(); len(f.Root) > 0 && !bytes.Equal(root[:], f.Root) {
		return fmt.Errorf("%w: its root is %x, not %x", ErrManifest, root, f.Root)
	}
	return nil
}

// fill writes the chunks that are missing in the part file.
func (f *fetch) fill(ctx context.Context, m Manifest, peers, vouched []Peer) error {
	file, err := os.OpenFile(f.part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = f.fillFile(ctx, file, m, peers, vouched)
	return errors.Join(err, file.Sync(), file.Close())
}

func (f *fetch) fillFile(ctx context.Context, file *os.File, m Manifest, peers, vouched []Peer) error {
	if err := file.Truncate(m.Bytes); err != nil {
		return err
	}
	missing, have := missing(file, m)
	f.Progress(have, m.Bytes)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan int, len(missing))
	for _, n := range missing {
		queue <- n
	}
	close(queue)
	var owned sync.WaitGroup
	for worker := range min(workers, len(missing)) {
		owned.Go(func() {
			for n := range queue {
				if err := f.one(ctx, file, m, n, peers, vouched, worker); err != nil {
					cancel(err)
					return
				}
				_, size := m.Span(n)
				f.mu.Lock()
				have += size
				f.Progress(have, m.Bytes)
				f.mu.Unlock()
			}
		})
	}
	owned.Wait()
	return context.Cause(ctx)
}

// missing lists the chunks that a file does not hold, and counts the bytes of those that it does.
func missing(file io.ReaderAt, m Manifest) (list []int, have int64) {
	for n := range m.Chunks() {
		offset, size := m.Span(n)
		chunk := make([]byte, size)
		if _, err := file.ReadAt(chunk, offset); err == nil && m.holds(n, chunk) {
			have += size
		} else {
			list = append(list, n)
		}
	}
	return list, have
}

// one gets a chunk from whichever peer gives it, beginning with another one for each worker.
func (f *fetch) one(ctx context.Context, file io.WriterAt, m Manifest, n int, peers, vouched []Peer, first int) error {
	for {
		asked := false
		for i := range peers {
			p := peers[(first+i)%len(peers)]
			if f.left(p) {
				continue
			}
			asked = true
			chunk, err := p.Chunk(ctx, m, n)
			if err == nil && m.holds(n, chunk) {
				offset, _ := m.Span(n)
				_, err := file.WriteAt(chunk, offset)
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err == nil {
				f.belie(p, vouched, fmt.Errorf("%w: chunk %d", ErrLie, n))
			} else {
				f.fault(p, fmt.Errorf("chunk %d: %w", n, err))
			}
		}
		if !asked {
			return f.gone(peers)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// fault counts a failure of a peer; who fails too often is left. Being busy is no failure, but not for ever.
func (f *fetch) fault(p Peer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	weight := 20 // a minute of being busy
	if errors.Is(err, errBusy) {
		weight = 1
	}
	if f.faults[p] += weight; f.faults[p] >= 20*tries {
		f.said = append(f.said, fmt.Errorf("%s: %w", p, err))
	}
}

// belie hears that a peer's bytes are not those of the manifest. Who vouched for it lies, and so does everybody where it is
// proved by the root; else he is let be until another manifest is tried.
func (f *fetch) belie(p Peer, vouched []Peer, err error) {
	if len(f.Root) > 0 || slices.Contains(vouched, p) {
		f.leave(p, err)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apart[p] = true
}

// leave gives a peer up.
func (f *fetch) leave(p Peer, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[p] = 20 * tries
	f.said = append(f.said, fmt.Errorf("%s: %w", p, err))
}

// leaveAll gives up those whom nothing has been said of yet.
func (f *fetch) leaveAll(peers []Peer, err error) {
	for _, p := range peers {
		if !f.left(p) {
			f.leave(p, err)
		}
	}
}

func (f *fetch) left(p Peer) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.apart[p] || f.faults[p] >= 20*tries
}

// gone says that no peer is left, and why.
func (f *fetch) gone(peers []Peer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Errorf("%w: %d asked: %w", ErrNoPeer, len(peers), errors.Join(f.said...))
}
