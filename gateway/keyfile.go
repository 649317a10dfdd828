package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// freshness is how long a change of the key file by another process may go unseen.
const freshness = 500 * time.Millisecond

// maxKeyFile bounds what is read: about 100,000 keys.
const maxKeyFile = 32 << 20

// keyStore is where keys are kept.
type keyStore interface {
	// look tells one version of the keys from another, and the time by a clock that gateways share; zero where there is none.
	look() (version any, now time.Time, err error)
	read() ([]Key, error)
	// edit changes the keys: no other edit, of any process, comes between reading and writing.
	edit(change func([]Key) ([]Key, error)) error
	fmt.Stringer
}

// fileKeys are keys in a file.
type fileKeys struct{ path string }

func (f fileKeys) String() string { return f.path }

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

func (f fileKeys) look() (version any, none time.Time, err error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileState{}, none, nil
	}
	if err != nil {
		return fileState{}, none, err
	}
	return fileState{info.Size(), info.ModTime(), inode(info)}, none, nil
}

func (f fileKeys) read() ([]Key, error) { return readKeys(f.path) }

// edit changes the file under a lock that other processes respect.
func (f fileKeys) edit(change func([]Key) ([]Key, error)) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("gateway: keys: %w", err)
	}
	unlock, err := lockFile(f.path + ".lock")
	if err != nil {
		return fmt.Errorf("gateway: lock keys: %w", err)
	}
	defer unlock()
	list, err := readKeys(f.path)
	if err != nil {
		return err
	}
	if list, err = change(list); err != nil {
		return err
	}
	if err := writeKeys(f.path, list); err != nil {
		return fmt.Errorf("gateway: write keys: %w", err)
	}
	return nil
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
