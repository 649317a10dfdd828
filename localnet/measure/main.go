// Command measure prints the figures of the README: it starts a market with a built program and watches it from outside.
//
//	go run ./localnet/measure -agora build/agora
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"agora/localnet"
)

func main() {
	program := flag.String("agora", "build/agora", "the built program")
	quiet := flag.Duration("quiet", 2*time.Minute, "how long to watch the market once its ranking is right")
	flag.Parse()
	if err := run(*program, *quiet); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(program string, quiet time.Duration) error {
	dir, err := os.MkdirTemp("", "agora")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	info, err := os.Stat(program)
	if err != nil {
		return fmt.Errorf("%w: run make build first", err)
	}
	row("size of the binary", "%.0f MB", float64(info.Size())/1e6)
	home := filepath.Join(dir, "m")
	cmd := exec.Command(program, "localnet", "--home", home)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended by itself
		_ = cmd.Wait()                         // its end is not what is measured
	}()
	if err := watch(home, cmd.Process.Pid, began, quiet); err != nil {
		return err
	}
	stopping := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	_ = cmd.Wait() // interrupted on purpose
	row("Ctrl-C to the end", "%.1f s", time.Since(stopping).Seconds())
	return nil
}

func watch(home string, pid int, began time.Time, quiet time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := localnet.AwaitAnswer(ctx, home); err != nil {
		return err
	}
	row("start to the first answer", "%.1f s", time.Since(began).Seconds())
	if err := localnet.AwaitRanking(ctx, home); err != nil {
		return err
	}
	row("start to the right ranking", "%.0f s", time.Since(began).Seconds())
	time.Sleep(20 * time.Second) // the burst of first judgements ends
	before, err := cpu(pid)
	if err != nil {
		return err
	}
	time.Sleep(quiet)
	after, err := cpu(pid)
	if err != nil {
		return err
	}
	row("CPU when nobody asks, of one core", "%.1f %%", 100*(after-before).Seconds()/quiet.Seconds())
	rss, err := memory(pid)
	row("memory", "%.0f MB", float64(rss)/1e6)
	return err
}

func row(name, format string, value any) {
	fmt.Printf("| %-36s | "+format+" |\n", name, value)
}

// cpu is the processor time of a process so far, from /proc, in ticks of 10 ms.
func cpu(pid int) (time.Duration, error) {
	bz, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(bz[strings.LastIndexByte(string(bz), ')')+1:]))
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// memory is the resident size of a process in bytes.
func memory(pid int) (int64, error) {
	bz, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(bz))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
