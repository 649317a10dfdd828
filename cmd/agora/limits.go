package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"agora/gateway"
	"agora/task/shelf"
	"agora/validator/daemon"
)

// gatewayFlags are the limits of a validator's gateway. Zero takes the default that the text names.
func gatewayFlags(f *pflag.FlagSet, c *gateway.Config) {
	f.DurationVar(&c.FirstEvent, "first-event", 0, "until a stream begins, before the next miner is asked; longer where a model is known to be slow (20s)")
	f.DurationVar(&c.WholeAnswer, "whole-answer", 0, "for an answer that is not streamed, and until a stream begins that nobody else can give (2m)")
	f.DurationVar(&c.Stall, "stall", 0, "between two parts of a stream (1m)")
	f.DurationVar(&c.Total, "total", 0, "for a request in all (15m)")
	f.DurationVar(&c.KeepAlive, "keep-alive", 0, "of silence in a stream before a comment tells proxies that it lives (10s, at least a hundredth of --total)")
	f.DurationVar(&c.BodyTimeout, "body-timeout", 0, "for a request's body to arrive (30s)")
	f.DurationVar(&c.WriteTimeout, "write-timeout", 0, "for a consumer to take a part of an answer (30s)")
	f.IntVar(&c.Attempts, "attempts", 0, "miners asked for one request (4)")
	f.Float64Var(&c.Hedges, "hedges", 0, "requests for which a second miner is asked since the first is slow to begin, at most this part of all; -1 for none (0.05)")
	f.Int64Var(&c.MaxBody, "max-body", 0, "bytes of a request (33554432)")
	f.Int64Var(&c.MaxBuffered, "max-buffered", 0, "bytes of all requests being served (536870912)")
	f.Int64Var(&c.MaxAnswer, "max-answer", 0, "bytes of an answer that is not streamed (16777216)")
	f.IntVar(&c.MaxEvent, "max-event", 0, "bytes of one event of a stream (1048576)")
	f.IntVar(&c.MaxInFlight, "max-in-flight", 0, "requests served at once (1024)")
	f.IntVar(&c.MaxConns, "max-connections", 0, "connections open at once, beyond it a new one is closed (16384)")
	f.IntVar(&c.PerAddress, "connections-per-address", 0, "of them, of one address or IPv6 network of 64 bits; loopback, where a proxy stands, has no such limit (1024)")
	f.IntVar(&c.Limits.PerMinute, "per-minute", 0, "requests per minute of a key that has no limit of its own (6000)")
	f.IntVar(&c.Limits.Burst, "burst", 0, "requests of such a key at once after a quiet time (200)")
	f.IntVar(&c.Limits.InFlight, "in-flight", 0, "requests of such a key open at once (64)")
	f.IntVar(&c.Limits.Tokens, "tokens-per-minute", 0, "tokens per minute of such a key, read and written (6000000)")
	f.BoolVar(&c.NoCORS, "no-cors", false, "web pages of other origins may not ask the gateway")
}

// taskFlags are an operator's policy on tasks that others wrote.
func taskFlags(f *pflag.FlagSet, t *daemon.Tasks) {
	f.BoolVar(&t.None, "no-modules", false, "judge only tasks that are built in, none that others wrote")
	f.Float64Var(&t.Budget.Processor, "task-processor", 0, "part of one core that a subnet's module may use (0.25)")
	f.IntVar(&t.Budget.Items, "task-items", 0, "items a minute that a subnet's module may draw (600)")
	f.IntVar(&t.Budget.Asks, "task-asks", 0, "questions a minute that a subnet's module may put to models (60)")
	f.IntVar(&t.Budget.Memory, "task-memory", 0, "MiB for the calls of a subnet's module that are under way, 64 for each, 64 to 512 (128)")
	f.Var(netuids{&t.Only}, "task-only", "netuids whose modules are judged, with commas between them; all if not given")
	f.Var(netuids{&t.Never}, "task-never", "netuids whose modules are not judged")
	f.Var(eachBudget{&t.Each}, "task-budget", "budget of one subnet: NETUID:processor=0.5,items=100,asks=30,memory=64; may be given again")
	f.BoolVar(&t.AllowPrivate, "task-private", false, "fetch modules, and weights of models, from private and loopback addresses: local networks only")
}

// netuids reads "1,2,5".
type netuids struct{ list *[]uint32 }

// String implements pflag.Value.
func (n netuids) String() string {
	if n.list == nil || len(*n.list) == 0 {
		return ""
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*n.list), " ", ","), "[]")
}

// Type implements pflag.Value.
func (netuids) Type() string { return "netuids" }

// Set implements pflag.Value.
func (n netuids) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		netuid, err := strconv.ParseUint(strings.TrimSpace(part), 10, 32)
		if err != nil {
			return fmt.Errorf("%q is no netuid", part)
		}
		*n.list = append(*n.list, uint32(netuid))
	}
	return nil
}

// eachBudget reads "3:processor=0.5,items=100".
type eachBudget struct{ of *map[uint32]shelf.Budget }

// String implements pflag.Value.
func (e eachBudget) String() string { return "" }

// Type implements pflag.Value.
func (eachBudget) Type() string { return "budget" }

// Set implements pflag.Value.
func (e eachBudget) Set(text string) error {
	subnet, parts, ok := strings.Cut(text, ":")
	netuid, err := strconv.ParseUint(subnet, 10, 32)
	if !ok || err != nil {
		return fmt.Errorf("want NETUID:processor=0.5,items=100,asks=30,memory=64, not %q", text)
	}
	var b shelf.Budget
	whole := map[string]*int{"items": &b.Items, "asks": &b.Asks, "memory": &b.Memory}
	for part := range strings.SplitSeq(parts, ",") {
		name, value, _ := strings.Cut(part, "=")
		into := whole[name]
		switch {
		case name == "processor":
			b.Processor, err = strconv.ParseFloat(value, 64)
			if err == nil && !(b.Processor > 0 && b.Processor <= 64) {
				err = fmt.Errorf("%s is no part of a processor", value)
			}
		case into != nil:
			*into, err = strconv.Atoi(value)
			if err == nil && *into <= 0 {
				err = fmt.Errorf("%s must be more than 0", name)
			}
		default:
			err = fmt.Errorf("%q is none of processor, items, asks, memory", name)
		}
		if err != nil {
			return err
		}
	}
	if *e.of == nil {
		*e.of = map[uint32]shelf.Budget{}
	}
	(*e.of)[uint32(netuid)] = b
	return nil
}
