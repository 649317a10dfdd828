package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// remote is a network namespace behind a link, whose machines the lab can cut off: `ip netns`. Its name has this program's
// number, so that none of another's is touched.
type remote struct{ name, here, there, addr, far string }

// newRemote makes the namespace. The error says what is missing; where nothing can be made, nothing is left.
func newRemote() (*remote, error) {
	pid := strconv.Itoa(os.Getpid())
	r := &remote{name: "agora-" + pid, here: "ag" + pid + "a", there: "ag" + pid + "b", addr: "10.213.77.1", far: "10.213.77.2"}
	for _, args := range []string{
		"netns add " + r.name,
		"link add " + r.here + " type veth peer name " + r.there + " netns " + r.name,
		"addr add " + r.addr + "/30 dev " + r.here,
		"link set " + r.here + " up",
		"-n " + r.name + " addr add " + r.far + "/30 dev " + r.there,
		"-n " + r.name + " link set " + r.there + " up",
		"-n " + r.name + " link set lo up",
	} {
		if err := ip(args); err != nil {
			r.remove()
			return nil, err
		}
	}
	return r, nil
}

func ip(args string) error {
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, bytes.TrimSpace(out))
	}
	return nil
}

func (r *remote) remove() {
	_ = ip("link del " + r.here) // it may never have been made
	_ = ip("netns del " + r.name)
}

// cut lets nothing through and tells nobody: what is sent goes to an address that no card of the other side has.
func (r *remote) cut() error {
	const nobody = " lladdr 02:00:00:00:00:01 nud permanent dev "
	if err := ip("neigh replace " + r.far + nobody + r.here); err != nil {
		return err
	}
	return ip("-n " + r.name + " neigh replace " + r.addr + nobody + r.there)
}

// heal lets everything through again.
func (r *remote) heal() error {
	if err := ip("neigh del " + r.far + " dev " + r.here); err != nil {
		return err
	}
	return ip("-n " + r.name + " neigh del " + r.addr + " dev " + r.there)
}

// partition cuts the link to half of the miners, which are in another namespace, three times. Nobody is told: connections stay, and
// what is sent over them is lost.
func (l *lab) partition() error {
	const name = "the link to half of the miners is cut"
	r, err := newRemote()
	if err != nil {
		fmt.Printf("%-48s skipped: no namespace can be made here: %v\n", name, err)
		return nil
	}
	defer r.remove()
	gateway, err := start("gateway", strconv.Itoa(miners), "", "", r.addr+":0")
	if err != nil {
		return err
	}
	defer gateway.kill()
	well, err := l.miners(gateway, 0, miners/2)
	if err != nil {
		return err
	}
	defer well.kill()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	far, err := startBy([]string{"ip", "netns", "exec", r.name, self}, "miner", gateway.said[1], strconv.Itoa(miners/2), strconv.Itoa(miners), minerAt, takes)
	if err != nil {
		return err
	}
	defer far.kill()
	return l.under(name, gateway, l.lasts/6, func(n int) error {
		if n%2 == 0 {
			return r.cut()
		}
		return r.heal()
	})
}
