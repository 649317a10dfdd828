package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// freshness is how long a change of the key file by another process may go unseen.
const freshness = 500 * time.Millisecond

// maxKeyFile bounds what is read: about 100,000 keys.
const maxKeyFile = 32 << 20

// keyFile is the file's content.
type keyFile struct {
	Version int   `json:"version"` // 1
	Keys    []Key `json:"keys"`
}

// fileState tells one version of the file from another. Every version is a new file moved into place.
type fileState struct {
	size    int64
	changed time.Time
	inode   any
}

func (k *Keys) stat() (fileState, error) {
	info, err := os.Stat(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileState{}, nil
	}
	if err != nil {
		return fileState{}, err
	}
	return fileState{info.Size(), info.ModTime(), inode(info)}, nil
}

// refresh reads the file again if it changed, looking at most once per freshness. A file that cannot be read keeps the
// keys of before.
func (k *Keys) refresh() {
	k.mu.RLock()
	due := time.Since(k.checked) >= freshness
	k.mu.RUnlock()
	if !due {
		return
	}
	k.mu.Lock()
	if time.Since(k.checked) < freshness {
		k.mu.Unlock()
		return
	}
	k.checked = time.Now()
	before := k.state
	k.mu.Unlock()
	if now, err := k.stat(); err == nil && now == before {
		return
	}
	if err := k.reload(); err != nil {
		slog.Error("cannot read the keys again, the old ones stay in force", "file", k.path, "err", err)
	}
}

// reload replaces the keys by the file's; those that stay keep what they have used of their limits.
func (k *Keys) reload() error {
	state, err := k.stat()
	if err != nil {
		return fmt.Errorf("gateway: keys: %w", err)
	}
	list, err := readKeys(k.path)
	if err != nil {
		return err
	}
	byHash := make(map[[sha256.Size]byte]*holder, len(list))
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range list {
		raw, err := hex.DecodeString(key.Hash)
		if err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("gateway: keys in %s: key %q has a damaged hash; restore the file or remove the key", k.path, key.ID)
		}
		h := &holder{Key: key, hash: [sha256.Size]byte(raw)}
		if old := k.byHash[h.hash]; old != nil && old.Key == key {
			h = old
		}
		byHash[h.hash] = h
	}
	k.byHash, k.state, k.checked = byHash, state, time.Now()
	return nil
}

// edit changes the file under a lock that other processes respect, and then what is in memory.
func (k *Keys) edit(change func([]Key) ([]Key, error)) error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return fmt.Errorf("gateway: keys: %w", err)
	}
	unlock, err := lockFile(k.path + ".lock")
	if err != nil {
		return fmt.Errorf("gateway: lock keys: %w", err)
	}
	defer unlock()
	list, err := readKeys(k.path)
	if err != nil {
		return err
	}
	if list, err = change(list); err != nil {
		return err
	}
	if err := writeKeys(k.path, list); err != nil {
		return fmt.Errorf("gateway: write keys: %w", err)
	}
	return k.reload()
}

func readKeys(path string) ([]Key, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("gateway: keys: %w", err)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("gateway: keys in %s: file of %d bytes, want at most %d", path, info.Size(), maxKeyFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("gateway: keys: %w", err)
	}
	var file keyFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("gateway: keys in %s are damaged (%w); restore the file, or move it away to begin without keys", path, err)
	}
	if file.Version != 1 {
		return nil, fmt.Errorf("gateway: keys in %s have version %d, this program reads version 1", path, file.Version)
	}
	return file.Keys, nil
}

// writeKeys puts a new file in the old one's place: after a crash there is one or the other.
func writeKeys(path string, list []Key) error {
	raw, err := json.MarshalIndent(keyFile{Version: 1, Keys: list}, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(append(raw, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
