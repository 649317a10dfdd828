package localnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
)

// Vitals is what a running market takes of its machine, in bytes and counts.
type Vitals struct {
	Height     int64 `json:"height"`
	LiveHeap   int64 `json:"live_heap"` // what the last garbage collection found in use
	RSS        int64 `json:"rss"`
	Disk       int64 `json:"disk"` // of the home folder
	OpenFiles  int   `json:"open_files"`
	Goroutines int   `json:"goroutines"`
}

// AskVitals asks the market that runs on home.
func AskVitals(ctx context.Context, home string) (Vitals, error) {
	var v Vitals
	body, err := call(ctx, home, http.MethodGet, "/vitals")
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(body, &v)
}

// vitals measures this process.
func (m *Market) vitals() (Vitals, error) {
	v := Vitals{Height: m.nodes[0].App.LastBlockHeight(), Goroutines: runtime.NumGoroutine()}
	runtime.GC() // the last one may be minutes old where little is allocated
	runtime.GC() // pools, as those of the engine's scratch memory, are empty after the second only
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	v.LiveHeap = int64(live[0].Value.Uint64())
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return v, fmt.Errorf("only Linux tells a process's open files: %w", err)
	}
	v.OpenFiles = len(files)
	if v.RSS, err = resident(); err != nil {
		return v, err
	}
	v.Disk, err = sizeOf(m.Home)
	return v, err
}

// resident is this process's size in memory.
func resident() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/self/statm is %q", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// sizeOf is how many bytes a folder's files have. One that goes while it is looked at counts nothing.
func sizeOf(dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return total, err
}
