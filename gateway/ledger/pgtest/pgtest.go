// Package pgtest runs a real PostgreSQL for tests, from Debian's package.
package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
)

// server is the one PostgreSQL of a test program.
var server struct {
	sync.Once
	dir, reason string
	process     *exec.Cmd
	databases   int
	mu          sync.Mutex
}

// URL is that of an empty database on a real server: that of AGORA_POSTGRES if it is set, else one that Debian's
// package has the programs for. The test is skipped with a reason where there is none.
func URL(t testing.TB) string {
	t.Helper()
	server.Do(start)
	if server.reason != "" {
		t.Skip("no PostgreSQL: " + server.reason)
	}
	server.mu.Lock()
	server.databases++
	name := fmt.Sprintf("agora%d_%d", os.Getpid(), server.databases)
	server.mu.Unlock()
	db, err := sql.Open("pgx", address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return address(name)
}

func address(database string) string {
	if outside := os.Getenv("AGORA_POSTGRES"); outside != "" {
		u, err := url.Parse(outside)
		if err != nil {
			return outside
		}
		u.Path = "/" + database
		return u.String()
	}
	return "postgres://agora@/" + database + "?host=" + url.QueryEscape(server.dir)
}

// start runs a server in a temporary folder, which listens on a socket there only.
func start() {
	if os.Getenv("AGORA_POSTGRES") != "" {
		return
	}
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(programs) == 0 {
		server.reason = "install Debian's package postgresql, or set AGORA_POSTGRES to a URL"
		return
	}
	bin := filepath.Dir(programs[len(programs)-1])
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		server.reason = err.Error()
		return
	}
	server.dir = dir
	if err := begin(bin, dir); err != nil {
		server.reason = err.Error()
	}
}

func begin(bin, dir string) error {
	who, err := ordinary(dir)
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "agora", "-A", "trust", "--no-sync", "-E", "UTF8")
	initdb.SysProcAttr = who
	initdb.Dir = dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	server.process = exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=40")
	server.process.SysProcAttr = who
	server.process.Dir = dir
	if err := server.process.Start(); err != nil {
		return err
	}
	db, err := sql.Open("pgx", address("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for range 300 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = db.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("the server did not answer: %w", err)
}

// ordinary is a user that PostgreSQL's programs run as: they refuse the superuser.
func ordinary(dir string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && os.Chown(dir, uid, gid) == nil {
			return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return nil, fmt.Errorf("there is no user postgres or nobody to run it as")
}

// Stop ends the server, if one runs: at the end of a test program.
func Stop() {
	if p := server.process; p != nil && p.Process != nil {
		_ = p.Process.Signal(syscall.SIGINT) // a fast shutdown
		_ = p.Wait()
	}
	if server.dir != "" {
		_ = os.RemoveAll(server.dir)
	}
}
