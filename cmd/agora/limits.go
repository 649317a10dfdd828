package main

import (
	"github.com/spf13/pflag"

	"agora/gateway"
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
	f.Int64Var(&c.MaxBody, "max-body", 0, "bytes of a request (33554432)")
	f.Int64Var(&c.MaxBuffered, "max-buffered", 0, "bytes of all requests being served (536870912)")
	f.Int64Var(&c.MaxAnswer, "max-answer", 0, "bytes of an answer that is not streamed (16777216)")
	f.IntVar(&c.MaxEvent, "max-event", 0, "bytes of one event of a stream (1048576)")
	f.IntVar(&c.MaxInFlight, "max-in-flight", 0, "requests served at once (1024)")
	f.IntVar(&c.Limits.PerMinute, "per-minute", 0, "requests per minute of a key that has no limit of its own (6000)")
	f.IntVar(&c.Limits.Burst, "burst", 0, "requests of such a key at once after a quiet time (200)")
	f.IntVar(&c.Limits.InFlight, "in-flight", 0, "requests of such a key open at once (64)")
	f.BoolVar(&c.NoCORS, "no-cors", false, "web pages of other origins may not ask the gateway")
}

// taskFlags are an operator's policy on tasks that others wrote.
func taskFlags(f *pflag.FlagSet, t *daemon.Tasks) {
	f.BoolVar(&t.None, "no-modules", false, "judge only tasks that are built in, none that others wrote")
	f.Float64Var(&t.Budget.Processor, "task-processor", 0, "part of one core that a subnet's module may use (0.25)")
	f.IntVar(&t.Budget.Items, "task-items", 0, "items a minute that a subnet's module may draw (600)")
	f.BoolVar(&t.AllowPrivate, "task-private", false, "fetch modules from private and loopback addresses: local networks only")
}
