package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockVar is the environment variable that names a clock.
const clockVar = "AGORA_CLOCK"

// clock is a file that says by how many seconds the clock of a test build is wrong. A program reads it ten times a second, so that its
// clock may jump while it runs; a missing file is a right clock.
type clock string

// set makes the clock wrong by so many seconds, or right.
func (c clock) set(seconds int) error {
	next := string(c) + ".next"
	if err := os.WriteFile(next, []byte(strconv.Itoa(seconds)), 0o600); err != nil {
		return err
	}
	return os.Rename(next, string(c))
}

// command is the beginning of a command of a test build that goes by this clock.
func (c clock) command(program string) []string {
	return []string{"env", clockVar + "=" + string(c), program}
}

// offClock builds a program, "./cmd/agora", whose standard library has a clock that clockVar can set wrong, and says where it is. It needs
// the Go toolchain and the sources of the working folder.
func offClock(dir, source string) (string, error) {
	overlay, err := offTime(dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, filepath.Base(source))
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build -overlay: %w: %s", err, out)
	}
	return program, nil
}

// offTime writes package time with the wrong clock to a folder, and where it stands for the right one.
func offTime(dir string) (overlay string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	const reads = "sec, nsec, mono := runtimeNow()"
	if !bytes.Contains(text, []byte(reads)) {
		return "", fmt.Errorf("%s reads the clock in another way than this program knows", source)
	}
	text = bytes.Replace(text, []byte(reads), []byte(reads+"\n\tsec += clockWrong"), 1)
	text = append(text, clockSource...)
	text = bytes.Replace(text, []byte("import (\n"), []byte("import (\n\t\"syscall\"\n"), 1)
	changed := filepath.Join(dir, "time.go")
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err != nil { // strings always marshal
		panic(err)
	}
	return overlay, os.WriteFile(overlay, replace, 0o600)
}

// clockSource is what a test build's package time has beside the standard library's. A whole number is read and written at once on every
// machine of 64 bits.
const clockSource = `
var clockWrong int64

func init() {
	name, named := syscall.Getenv("` + clockVar + `")
	if !named {
		return
	}
	clockWrong = readClock(name)
	go func() {
		for {
			Sleep(100 * Millisecond)
			clockWrong = readClock(name)
		}
	}()
}

func readClock(name string) (n int64) {
	text, err := readFile(name)
	if err != nil {
		return 0
	}
	sign := int64(1)
	for _, c := range text {
		if c == '-' {
			sign = -1
			continue
		}
		n = 10*n + int64(c-'0')
	}
	return sign * n
}
`

// clocks runs a gateway and half of the miners with a clock that is wrong by so many seconds, and the other half with one that is wrong by
// as many the other way, for one turn after the other while consumers ask. It asks for the receipts afterwards.
func (l *lab) clocks(name string, turns ...int) error {
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := offClock(dir, "./localnet/traffic")
	if err != nil {
		fmt.Printf("%-48s skipped: no test build can be made here: %v\n", name, err)
		return nil
	}
	one, other := clock(filepath.Join(dir, "one")), clock(filepath.Join(dir, "other"))
	if err := errors.Join(one.set(turns[0]), other.set(-turns[0])); err != nil {
		return err
	}
	gateway, err := startBy(one.command(program), "gateway", strconv.Itoa(miners), dir)
	if err != nil {
		return err
	}
	defer gateway.kill()
	for i, c := range []clock{one, other} {
		p, err := startBy(c.command(program), "miner", gateway.said[1], strconv.Itoa(i*miners/2), strconv.Itoa((i+1)*miners/2), minerAt, takes)
		if err != nil {
			return err
		}
		defer p.kill()
	}
	a := &asker{addr: func() string { return gateway.said[0] }}
	done := make(chan struct{})
	go func() { defer close(done); a.run(l.lasts) }()
	for _, seconds := range turns {
		err = errors.Join(err, one.set(seconds), other.set(-seconds))
		time.Sleep(l.lasts / time.Duration(len(turns)+1))
		shown, failed := clockOf(gateway.said[0])
		if ahead := time.Until(shown); failed != nil || (ahead-time.Duration(seconds)*time.Second).Abs() > time.Minute {
			err = errors.Join(err, failed, fmt.Errorf("the gateway's clock is off by %v instead of %d s", ahead, seconds))
		}
	}
	<-done
	return errors.Join(err, l.told(name, a, gateway.said[0]))
}

// clockOf is what a server's clock shows.
func clockOf(addr string) (time.Time, error) {
	resp, err := http.Get("http://" + addr + "/healthz")
	if err != nil {
		return time.Time{}, err
	}
	defer resp.Body.Close()
	return http.ParseTime(resp.Header.Get("Date"))
}
