package localnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Run starts the market of o, tells how to use it, and stops it when ctx ends or it has been open for o.For.
func Run(ctx context.Context, o Options) error {
	m, err := Start(ctx, o)
	if err != nil {
		return err
	}
	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	o.say("%s", m.file.instructions())
	control, err := m.serveControl()
	if err != nil {
		return errors.Join(err, m.Close())
	}
	select {
	case <-ctx.Done():
		err = nil
	case <-m.Done():
		err = m.Cause()
	}
	o.say("stopping")
	began := time.Now()
	err = errors.Join(err, control(), m.Close())
	o.say("stopped after %.1fs; start again with the same --home to go on", time.Since(began).Seconds())
	return err
}

func (d *Description) has(name string) bool {
	return slices.ContainsFunc(d.Subnets, func(s Subnet) bool { return s.Name == name })
}

// instructions is what a person does next.
func (d *Description) instructions() string {
	var b strings.Builder
	g := d.Gateways[0]
	fmt.Fprintf(&b, "\nThe market is open. It ranks its miners within the next minutes; until then any of them may answer, the worst too.\n\n")
	fmt.Fprintf(&b, "  base URL   %s\n  demo key   %s\n  web page   %s\n\n", g.URL, g.Key, d.Web)
	fmt.Fprintf(&b, "Ask it something:\n\n  curl %s/chat/completions -H \"authorization: Bearer %s\" \\\n"+
		"    -d '{\"model\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":\"What is 12 + 30?\"}]}'\n\n", g.URL, g.Key)
	if d.has(languageName) {
		fmt.Fprintf(&b, "Ask the market of language models for a haiku:\n\n  curl %s/chat/completions -H \"authorization: Bearer %s\" \\\n"+
			"    -d '{\"model\":\"language\",\"max_tokens\":60,\"messages\":[{\"role\":\"user\",\"content\":\"Write a haiku about rain.\"}]}'\n\n", g.URL, g.Key)
	}
	if d.has("speech") {
		fmt.Fprintf(&b, "Have something said:\n\n  curl %s/audio/speech -H \"authorization: Bearer %s\" \\\n"+
			"    -d '{\"model\":\"speech\",\"voice\":\"alloy\",\"input\":\"one two three\"}' > said.wav\n\n", g.URL, g.Key)
	}
	fmt.Fprintf(&b, "In another terminal:\n\n  agora localnet check              prove that the loop is alive\n"+
		"  eval \"$(agora localnet env)\"     let `agora keys`, `query` and `tx` use this market\n\nCtrl-C stops everything.\n")
	return b.String()
}
