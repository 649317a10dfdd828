package wallet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile bounds a key file in bytes; a real one has about 600.
const maxFile = 16 << 10

// Errors that a caller can tell apart.
var (
	ErrExists     = errors.New("wallet: there is a key file already, and it is not overwritten")
	ErrReadable   = errors.New("wallet: key file can be read by others")
	ErrDamaged    = errors.New("wallet: key file is damaged; restore it from a backup")
	ErrPassphrase = errors.New("wallet: the passphrase is wrong, or the key file was changed")
	ErrLocked     = errors.New("wallet: key file is locked and needs its passphrase")
)

// writeNew creates path with the content, mode 0600, whole or not at all: a temporary file beside it is written and
// synced, then given its name, which fails if a file has it already, and the directory is synced.
func writeNew(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	temp, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("wallet: write %s: %w", path, err)
	}
	if err := name(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// name gives the finished file its name. Linking refuses a name in use; where the file system has no links, a look
// before renaming must do.
func name(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil {
		return nil
	}
	if _, statErr := os.Lstat(path); statErr == nil || errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, path)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("wallet: write %s: %w", path, err)
	}
	return nil
}

// syncDir makes a new name survive a power cut.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // directories cannot be synced there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("wallet: sync %s: %w", dir, err)
	}
	return nil
}

// read returns a key file's content if nobody but its owner can read it.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("wallet: no key file at %s: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("wallet: %s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%w (mode %04o); run: chmod 600 %s", ErrReadable, mode, path)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("wallet: read %s: %w", path, err)
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrDamaged, path, maxFile)
	}
	return content, nil
}
