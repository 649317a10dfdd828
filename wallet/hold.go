package wallet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// holdSuffix is what the file beside a hot key is called that says which process uses it.
const holdSuffix = ".lock"

// ErrHeld says that another process uses the hot key.
var ErrHeld = errors.New("the hot key is in use")

// Holder is the process that uses a hot key, as it describes itself to others on this machine.
type Holder struct {
	PID   int    `json:"pid"`
	For   string `json:"for"`             // what it does with the key, "uid 12 of subnet 1"
	Ask   string `json:"ask,omitempty"`   // "127.0.0.1:port" of its status
	Token string `json:"token,omitempty"` // that a question there must bring: only who can read the key's folder has it
}

// Hold is a hot key's file taken by this process until Release or its end.
type Hold struct {
	file *os.File
	path string
}

// Take takes the hot key at path for this process. One that another process has is ErrHeld, with its id and what it does.
// The lock is the system's: it ends with the process, however that ends.
func Take(path, purpose string) (*Hold, error) {
	f, err := os.OpenFile(path+holdSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("wallet: lock %s: %w", path, err)
		}
		by, _ := readHolder(f) // a process that has only just taken it has not said what for
		return nil, fmt.Errorf("wallet: %w: %s serves process %d (%s): stop it, or give another --hot-key FILE", ErrHeld, path, by.PID, by.For)
	}
	h := &Hold{file: f, path: path}
	return h, h.Say(Holder{For: purpose})
}

// Say tells others what this process does with the key; PID is filled in.
func (h *Hold) Say(who Holder) error {
	who.PID = os.Getpid()
	text, err := json.Marshal(who)
	if err != nil {
		return err
	}
	if err := h.file.Truncate(0); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	_, err = h.file.WriteAt(text, 0)
	return err
}

// Release gives the key back.
func (h *Hold) Release() error { return h.file.Close() }

// Holders lists the processes that use a hot key of a folder now, by the key's file.
func Holders(dir string) (map[string]Holder, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+holdSuffix))
	if err != nil {
		return nil, err
	}
	held := map[string]Holder{}
	for _, name := range files {
		by, taken, err := holderOf(name)
		if err != nil {
			return nil, err
		}
		if taken {
			held[strings.TrimSuffix(name, holdSuffix)] = by
		}
	}
	return held, nil
}

// holderOf reads a lock's file. Taken is whether a process holds it still.
func holderOf(name string) (by Holder, taken bool, err error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return by, false, nil
	}
	if err != nil {
		return by, false, fmt.Errorf("wallet: %w", err)
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return by, false, nil // Close gives it back
	}
	by, err = readHolder(f)
	return by, true, err
}

func readHolder(f io.ReaderAt) (Holder, error) {
	var by Holder
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 4<<10))
	if err != nil {
		return by, err
	}
	if len(text) == 0 {
		return by, nil
	}
	return by, json.Unmarshal(text, &by)
}
