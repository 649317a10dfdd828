package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// part is one process of the measurement: this program again, as a stage, or another gateway.
type part struct {
	name  string
	said  []string // what it said when it was ready
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	end   sync.Once
}

// start runs a stage as a process of its own and waits until it says what it has to say.
func start(stage string, args ...string) (*part, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startBy([]string{self}, stage, args...)
}

// startBy runs a stage by a command that becomes this program, or a build of it.
func startBy(command []string, stage string, args ...string) (*part, error) {
	args = append(append(command[1:len(command):len(command)], "-stage", stage), args...)
	p := &part{name: stage, cmd: exec.Command(command[0], args...)}
	var err error
	p.cmd.Stderr = os.Stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s did not start: %w", stage, err)
	}
	p.said = strings.Fields(line)
	return p, nil
}

// stop lets a process end, and waits for it.
func (p *part) stop() {
	if p == nil {
		return
	}
	if p.stdin == nil {
		p.kill()
		return
	}
	p.end.Do(func() {
		_ = p.stdin.Close() // it is gone where this fails
		_ = p.cmd.Wait()
	})
}

// kill ends a process at once.
func (p *part) kill() {
	if p == nil {
		return
	}
	p.end.Do(func() {
		_ = p.cmd.Process.Kill() // it is gone where this fails
		_ = p.cmd.Wait()
	})
}

// used is the processor time that a process has taken; it keeps none of what its children took.
func (p *part) used() time.Duration {
	if p.stdin == nil {
		return usedBy(p.cmd.Process.Pid)
	}
	fmt.Fprintln(p.stdin)
	line, err := p.out.ReadString('\n')
	if err != nil {
		return 0
	}
	us, _ := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	return time.Duration(us) * time.Microsecond
}

// usedBy reads the processor time of a process from /proc, in hundredths of a second.
func usedBy(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the memory of a process, in MiB.
func (p *part) resident() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kib)[0])
			return n >> 10
		}
	}
	return 0
}

// processor is the processor time of this process.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // of this process it never fails
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ready says that a stage is ready, and answers with its processor time whenever it is asked, until its parent is gone. Where
// TRAFFIC_PROFILES names a folder it leaves its profiles there.
func ready(said ...string) error {
	if dir := os.Getenv("TRAFFIC_PROFILES"); dir != "" {
		end, err := profiles(filepath.Join(dir, fmt.Sprintf("%s.%d", os.Args[2], os.Getpid())))
		if err != nil {
			return err
		}
		defer end()
	}
	fmt.Println(strings.Join(said, " "))
	in := bufio.NewReader(os.Stdin)
	for {
		if _, err := in.ReadString('\n'); err != nil {
			return nil
		}
		fmt.Println(processor().Microseconds())
	}
}

// profiles writes where processor time and memory went, from now to the end.
func profiles(name string) (end func(), err error) {
	processor, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	memory, err := os.Create(name + ".allocs")
	if err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = pprof.Lookup("allocs").WriteTo(memory, 0) // who looks at profiles sees that one is missing
		_ = errors.Join(processor.Close(), memory.Close())
	}, pprof.StartCPUProfile(processor)
}
