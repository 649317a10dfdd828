package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"agora/wallet"
)

// What the program returns to a shell.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a command line that was not understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	var usage usageError
	text := err.Error() // cobra gives these two no type
	if errors.As(err, &usage) || strings.HasPrefix(text, "unknown command ") || strings.HasPrefix(text, "required flag(s) ") {
		return exitUsage
	}
	return exitFailure
}

// finish walks every command: mistakes in flags and arguments become usage errors, groups refuse commands that they do
// not have, and the SDK's examples name this program.
func finish(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see `%s --help`)", err, c.CommandPath())}
	})
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			err := run(c, args)
			if err == nil {
				return nil
			}
			if text, wrong := argumentError(err.Error(), c.Use); wrong {
				return usageError{fmt.Errorf("%s (see `%s --help`)", text, c.CommandPath())}
			}
			return err
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{fmt.Errorf("%w (see `%s --help`)", err, c.CommandPath())}
			}
			return nil
		}
	}
	for _, text := range []*string{&cmd.Short, &cmd.Long, &cmd.Example} {
		*text = strings.ReplaceAll(*text, "<appd>", "agora")
	}
	for _, sub := range cmd.Commands() {
		finish(sub)
	}
}

// group makes a command that only holds others: alone it helps, and it names what it does not know.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("unknown command %q for %q (see `%s --help`)", args[0], c.CommandPath(), c.CommandPath())}
		}
		return c.Help()
	}
	return cmd
}

// advised says what to do about an error whose own text does not.
func advised(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return errors.New("stopped")
	case unanswered(err) && !interactive(os.Stdin):
		return fmt.Errorf("%w: the standard input ended where an answer was expected: give --yes to confirm, pipe the passphrase in, "+
			"or take keys without one by --keyring-backend test", err)
	case strings.Contains(err.Error(), "connection refused") && !strings.Contains(err.Error(), "does not answer") && !strings.Contains(err.Error(), "backend "):
		return fmt.Errorf("%s: no node answers there: name one with --node or in HOME/config/client.toml; "+
			"for a local market run eval \"$(agora localnet env)\" first", plain(err.Error()))
	case strings.Contains(err.Error(), "wrong ID: no ID"), strings.Contains(err.Error(), "error unmarshalling: invalid character"):
		return errNoNode
	case noKey.MatchString(err.Error()):
		return fmt.Errorf("no key %s in the wallet: `agora keys list` shows what it holds", noKey.FindStringSubmatch(err.Error())[1])
	}
	return errors.New(plain(err.Error()))
}

// noKey is how the keyring says it.
var noKey = regexp.MustCompile(`(?:^|[ :])([^ :]+)\.info: key not found`)

// unanswered tells whether the SDK asked for something and got nothing; the keyring gives its error no type.
func unanswered(err error) bool {
	return errors.Is(err, io.EOF) && !errors.Is(err, wallet.ErrDamaged) || strings.Contains(err.Error(), "too many failed passphrase attempts")
}

// interactive tells whether a person can answer at in.
func interactive(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
