package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A job makes blocks on a chain of its own, in a process of its own: so its processor time holds all of its garbage
// collection and compaction, and its memory is nobody else's. It calls turn before every block.
type job func(b testing.TB, turn func()) figures

// figures are what a job measured.
type figures []figure

type figure struct {
	Value float64
	Unit  string
}

// of returns the value in unit, 0 if there is none.
func (f figures) of(unit string) float64 {
	for _, v := range f {
		if v.Unit == unit {
			return v.Value
		}
	}
	return 0
}

func (f figures) report(b *testing.B) {
	for _, v := range f {
		b.ReportMetric(v.Value, v.Unit)
	}
}

// jobName is the environment variable that makes a process of this test do one job.
const jobName = "AGORA_BENCH_JOB"

// beforeName is the environment variable that names this test as another commit compiled it (`make bench-chain
// BEFORE=COMMIT`). Jobs whose names begin with before are done by that.
const (
	beforeName = "AGORA_BENCH_BEFORE"
	before     = "before:"
)

// withBefore adds the same jobs of the other commit, where there is one.
func withBefore(names ...string) []string {
	if os.Getenv(beforeName) == "" {
		return names
	}
	for _, name := range slices.Clone(names) {
		names = append(names, before+name)
	}
	return names
}

// TestJob does the job that the environment names. Line by line, it asks for a turn on file 3, waits for it on its
// standard input, and at last says what it measured.
func TestJob(t *testing.T) {
	name := os.Getenv(jobName)
	if name == "" {
		t.Skip("a benchmark runs this in a process of its own")
	}
	ask, answers := os.NewFile(3, "turns"), bufio.NewReader(os.Stdin)
	turn := func() {
		fmt.Fprintln(ask, "turn")
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	line, err := json.Marshal(jobs()[name](t, turn))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(ask, "%s\n", line)
}

// worker is a process that does a job.
type worker struct {
	name  string
	cmd   *exec.Cmd
	turns *bufio.Reader
	grant *os.File
	done  figures
}

func startWorker(b *testing.B, name string) *worker {
	b.Helper()
	asked, ask, err := os.Pipe()
	must(b, err)
	answer, grant, err := os.Pipe()
	must(b, err)
	program := os.Args[0]
	if job, old := strings.CutPrefix(name, before); old {
		name, program = job, os.Getenv(beforeName)
	}
	cmd := exec.CommandContext(b.Context(), program, "-test.run", "^TestJob$", "-test.timeout", "30m")
	cmd.Env = append(os.Environ(), jobName+"="+name)
	cmd.Stdin, cmd.ExtraFiles = answer, []*os.File{ask}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	must(b, cmd.Start())
	answer.Close()
	ask.Close()
	b.Cleanup(func() {
		grant.Close()
		cmd.Wait() // how it ended is known by now
		asked.Close()
	})
	return &worker{name: name, cmd: cmd, turns: bufio.NewReader(asked), grant: grant}
}

// await waits until the worker asks for a turn or is done.
func (w *worker) await(b *testing.B) {
	b.Helper()
	line, err := w.turns.ReadString('\n')
	if err != nil {
		b.Fatalf("%s ended early: %v", w.name, err)
	}
	if strings.TrimSpace(line) != "turn" {
		must(b, json.Unmarshal([]byte(line), &w.done))
	}
}

// work does jobs at once, block by block in turn, so that whatever else the machine does meets all alike.
func work(b *testing.B, names ...string) []figures {
	b.Helper()
	workers := make([]*worker, len(names))
	for i, name := range names {
		workers[i] = startWorker(b, name)
		workers[i].await(b) // one genesis at a time
	}
	for running := len(workers); running > 0; {
		running = 0
		for _, w := range workers {
			if w.done != nil {
				continue
			}
			_, err := fmt.Fprintln(w.grant, "go")
			must(b, err)
			w.await(b)
			running++
		}
	}
	all := make([]figures, len(workers))
	for i, w := range workers {
		all[i] = w.done
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	return all
}

// meter measures a job from its first block to its last.
type meter struct {
	b           testing.TB
	cpu, thread time.Duration // at the beginning
	wall, worst time.Duration // inside turns
	base        float64       // MiB held at the beginning
	blocks, txs int
}

// startMeter begins after a collection: what the genesis left is not the blocks' cost. The caller has locked its thread.
func startMeter(b testing.TB) *meter {
	b.Helper()
	debug.FreeOSMemory()
	os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // begins the peak anew; where it cannot, the peak holds the genesis too
	return &meter{b: b, cpu: usage(b, syscall.RUSAGE_SELF), thread: threadTime(b), base: memory("VmRSS")}
}

// block counts a block of txs that began at began.
func (m *meter) block(began time.Time, txs int) {
	took := time.Since(began)
	m.wall, m.worst, m.blocks, m.txs = m.wall+took, max(m.worst, took), m.blocks+1, m.txs+txs
}

// figures are tx/s and time of a block while it was this chain's turn, and all processor time and memory of the process.
func (m *meter) figures() figures {
	txs, blocks := float64(m.txs), float64(m.blocks)
	return figures{
		{txs / m.wall.Seconds(), "tx/s"},
		{m.wall.Seconds() * 1e3 / blocks, "ms/block"},
		{m.worst.Seconds() * 1e3, "ms/worst-block"},
		{float64((usage(m.b, syscall.RUSAGE_SELF) - m.cpu).Microseconds()) / txs, "cpu-µs/tx"},
		{float64((threadTime(m.b) - m.thread).Microseconds()) / txs, "thread-µs/tx"},
		{txs / blocks, "tx/block"},
		{m.base, "MiB-before"},
		{memory("VmHWM"), "MiB-peak"},
	}
}

// threadTime is the processor time of the calling thread; the caller has locked it.
func threadTime(b testing.TB) time.Duration {
	b.Helper()
	const thread = 1 // RUSAGE_THREAD, which only Linux has
	if runtime.GOOS != "linux" {
		return usage(b, syscall.RUSAGE_SELF)
	}
	return usage(b, thread)
}

func usage(b testing.TB, who int) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(who, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is a line of what the system says of this process, in MiB; 0 where it does not tell.
func memory(name string) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, name+": %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}
