package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"agora/gateway"
	"agora/validator/daemon"
)

// consumers is the folder of a gateway's keys.
type consumers struct {
	output
	home   string
	ledger string // where the gateway's is shared
}

// consumerKey is a key as it is shown; Secret only when it is made.
type consumerKey struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Secret  string    `json:"secret,omitempty"`
	Created time.Time `json:"created"`
	Revoked time.Time `json:"revoked,omitzero"`

	Limits gateway.Limits `json:"limits,omitzero"`
}

func keyShown(k gateway.Key) consumerKey {
	return consumerKey{ID: k.ID, Name: k.Name, Created: k.Created, Revoked: k.Revoked, Limits: k.Limits}
}

// keyLimits are the limits that a command's flags give.
type keyLimits struct {
	gateway.Limits
	budget, day, month, expires string
}

func (k *keyLimits) flags(f *pflag.FlagSet) {
	f.IntVar(&k.PerMinute, "per-minute", 0, "requests per minute; 0 is the gateway's default, of this and the next three")
	f.IntVar(&k.Burst, "burst", 0, "requests at once after a quiet time")
	f.IntVar(&k.InFlight, "in-flight", 0, "requests open at once")
	f.IntVar(&k.Tokens, "tokens-per-minute", 0, "tokens per minute, read and written")
	f.StringVar(&k.budget, "budget", "", "what it may cost in all, 5tao; 0rao is no bound, of this and the next two")
	f.StringVar(&k.day, "budget-day", "", "what it may cost in a day, by UTC")
	f.StringVar(&k.month, "budget-month", "", "what it may cost in a month, by UTC")
	f.StringSliceVar(&k.Models, "models", nil, "models that it may ask, with commas between them; a subnet's name is all in it; all if empty")
	f.StringVar(&k.expires, "expires", "", "when it ends: a date, a time as 2027-01-31T12:00:00Z, or from now on as 720h; never if empty")
}

// into changes those limits whose flags are given.
func (k *keyLimits) into(f *pflag.FlagSet, now time.Time) (change func(*gateway.Limits), err error) {
	if k.PerMinute < 0 || k.Burst < 0 || k.InFlight < 0 || k.Tokens < 0 {
		return nil, usageError{errors.New("a limit is a number above 0, or 0 for the gateway's default")}
	}
	for _, m := range []struct {
		text string
		into *uint64
	}{{k.budget, &k.Budget}, {k.day, &k.Daily}, {k.month, &k.Monthly}} {
		if m.text == "" {
			continue
		}
		if *m.into, err = money(m.text); err != nil {
			return nil, err
		}
	}
	if k.Expires, err = moment(k.expires, now); err != nil {
		return nil, usageError{err}
	}
	if !k.Expires.IsZero() && !k.Expires.After(now) {
		return nil, usageError{fmt.Errorf("%s is past: a key ends at once with `agora validator key revoke`", k.expires)}
	}
	return func(l *gateway.Limits) {
		for name, set := range map[string]func(){
			"per-minute": func() { l.PerMinute = k.PerMinute }, "burst": func() { l.Burst = k.Burst },
			"in-flight": func() { l.InFlight = k.InFlight }, "tokens-per-minute": func() { l.Tokens = k.Tokens },
			"budget": func() { l.Budget = k.Budget }, "budget-day": func() { l.Daily = k.Daily }, "budget-month": func() { l.Monthly = k.Monthly },
			"models": func() { l.Models = k.Models }, "expires": func() { l.Expires = k.Expires },
		} {
			if f.Changed(name) {
				set()
			}
		}
	}, nil
}

// moment reads a date, a time, or a duration from now on; nothing is never.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no moment: write 2027-01-31, 2027-01-31T12:00:00Z or 720h", text)
}

// there is an error where the folder is missing: reading makes none.
func (c *consumers) there() error {
	_, err := os.Stat(c.home)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s: name the validator's with --home", c.home)
	}
	return err
}

func (c *consumers) open() (*gateway.Keys, error) {
	return daemon.OpenKeys(c.home, c.ledger)
}

// keyCommand hands out and takes back consumers' keys. A running gateway sees a change within a second.
func keyCommand() *cobra.Command {
	c := &consumers{}
	cmd := group(&cobra.Command{Use: "key", Short: "Consumers' keys of the gateway", Example: "  agora validator key create alice"})
	cmd.PersistentFlags().StringVar(&c.home, "home", walletHome(), "the validator's folder")
	cmd.PersistentFlags().StringVar(&c.ledger, "ledger", "", "postgres://… where the validator runs with it: its gateways share their keys there")
	for _, sub := range []*cobra.Command{
		c.creating(),
		c.limiting(),
		{
			Use: "revoke ID", Short: "End a key", Args: cobra.ExactArgs(1),
			Example: "  agora validator key revoke 01234567", RunE: c.revoke,
		},
		{
			Use: "list", Short: "Show the keys", Args: cobra.NoArgs,
			Example: "  agora validator key list", RunE: c.list,
		},
	} {
		c.flag(sub)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (c *consumers) creating() *cobra.Command {
	var l keyLimits
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a key and print it, once", Args: cobra.ExactArgs(1),
		Example: "  agora validator key create alice\n  agora validator key create bob --budget-day 0.5tao --models chat --expires 720h --tokens-per-minute 100000",
		RunE:    func(cmd *cobra.Command, args []string) error { return c.create(cmd, args, &l) },
	}
	l.flags(cmd.Flags())
	return cmd
}

func (c *consumers) limiting() *cobra.Command {
	var l keyLimits
	cmd := &cobra.Command{
		Use: "limit ID", Short: "Change what a key may do: the limits that are named", Args: cobra.ExactArgs(1),
		Example: "  agora validator key limit 01234567 --budget-month 20tao --per-minute 60",
		RunE:    func(cmd *cobra.Command, args []string) error { return c.limit(cmd, args, &l) },
	}
	l.flags(cmd.Flags())
	return cmd
}

func (c *consumers) limit(cmd *cobra.Command, args []string, l *keyLimits) error {
	change, err := l.into(cmd.Flags(), time.Now())
	if err != nil {
		return err
	}
	if err := c.there(); err != nil {
		return err
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	key, err := keys.Limit(args[0], change)
	if err != nil {
		return err
	}
	return c.print(cmd, keyShown(key), fmt.Sprintf("key %s: %s\n", key.ID, limitsText(key.Limits)))
}

// limitsText says in a line what bounds a key beside the gateway's defaults.
func limitsText(l gateway.Limits) string {
	var parts []string
	say := func(given bool, format string, args ...any) {
		if given {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	say(l.PerMinute > 0, "%d requests per minute", l.PerMinute)
	say(l.Burst > 0, "%d at once", l.Burst)
	say(l.InFlight > 0, "%d open", l.InFlight)
	say(l.Tokens > 0, "%d tokens per minute", l.Tokens)
	say(l.Budget > 0, "%s TAO in all", gateway.TAO(l.Budget))
	say(l.Daily > 0, "%s TAO a day", gateway.TAO(l.Daily))
	say(l.Monthly > 0, "%s TAO a month", gateway.TAO(l.Monthly))
	say(len(l.Models) > 0, "only %s", strings.Join(l.Models, ", "))
	say(!l.Expires.IsZero(), "until %s", l.Expires.Format(time.RFC3339))
	if len(parts) == 0 {
		return "the gateway's limits"
	}
	return strings.Join(parts, "; ")
}

func (c *consumers) create(cmd *cobra.Command, args []string, l *keyLimits) error {
	change, err := l.into(cmd.Flags(), time.Now())
	if err != nil {
		return err
	}
	if strings.TrimSpace(args[0]) == "" {
		return usageError{errors.New("give the key a name: it is how you know whose it is")}
	}
	missing := c.there() != nil
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return err
	}
	if missing && c.ledger == "" && !c.json {
		fmt.Fprintf(cmd.ErrOrStderr(), "there was no folder %s: only a validator that runs with this --home knows the key\n", c.home)
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	var limits gateway.Limits
	change(&limits)
	secret, key, err := keys.Create(args[0], limits)
	if err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintf(cmd.ErrOrStderr(), "key %s for %s; it is shown only now\n", key.ID, key.Name)
	}
	made := keyShown(key)
	made.Secret = secret
	return c.print(cmd, made, secret+"\n")
}

func (c *consumers) revoke(cmd *cobra.Command, args []string) error {
	if err := c.there(); err != nil {
		return err
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	if err := keys.Revoke(args[0]); err != nil {
		return err
	}
	return c.print(cmd, map[string]string{"revoked": args[0]}, fmt.Sprintf("key %s is revoked\n", args[0]))
}

func (c *consumers) list(cmd *cobra.Command, _ []string) error {
	if err := c.there(); err != nil {
		return err
	}
	keys, err := c.open()
	if err != nil {
		return err
	}
	all, err := keys.List()
	if err != nil {
		return err
	}
	list := make([]consumerKey, 0, len(all))
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tREVOKED\tLIMITS")
	for _, k := range all {
		revoked := "-"
		if !k.Revoked.IsZero() {
			revoked = k.Revoked.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.Name, revoked, limitsText(k.Limits))
		list = append(list, keyShown(k))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return c.print(cmd, list, text.String())
}
