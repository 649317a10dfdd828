package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// offVar is the environment variable by which a test build's clock is off, in seconds.
const offVar = "AGORA_CLOCK_OFF"

// offClock builds a program, "./cmd/agora", with a clock of the standard library that offVar sets wrong, and says where it is. It needs
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
	text = bytes.Replace(text, []byte(reads), []byte(reads+"\n\tsec += clockOff"), 1)
	text = append(text, `
var clockOff = func() (n int64) {
	text, _ := syscall.Getenv("`+offVar+`")
	digits, less := text, false
	if less = text != "" && text[0] == '-'; less {
		digits = text[1:]
	}
	for _, c := range digits {
		n = 10*n + int64(c-'0')
	}
	if less {
		return -n
	}
	return n
}()
`...)
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

// wrong is the beginning of a command whose clock is off by so many seconds.
func wrong(seconds int, program string) []string {
	return []string{"env", offVar + "=" + strconv.Itoa(seconds), program}
}

// clocks runs a gateway whose clock is 90 s late, and miners of which half are 90 s early, and asks for the receipts afterwards.
func (l *lab) clocks() error {
	const name = "clocks are off by 90 s"
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
	gateway, err := startBy(wrong(-90, program), "gateway", strconv.Itoa(miners), dir)
	if err != nil {
		return err
	}
	defer gateway.kill()
	if shown, err := clockOf(gateway.said[0]); err != nil || time.Since(shown).Abs() < time.Minute {
		return fmt.Errorf("the gateway's clock shows %v: %w", shown, err)
	}
	for i, seconds := range []int{-90, 90} {
		p, err := startBy(wrong(seconds, program), "miner", gateway.said[1], strconv.Itoa(i*miners/2), strconv.Itoa((i+1)*miners/2), minerAt, takes)
		if err != nil {
			return err
		}
		defer p.kill()
	}
	a := &asker{addr: func() string { return gateway.said[0] }}
	a.run(l.lasts)
	return l.told(name, a, gateway.said[0])
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
