package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

// output prints what a command found: text for people or, with --json, one JSON document for programs.
type output struct{ json bool }

func (o *output) flag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
}

func (o *output) print(cmd *cobra.Command, value any, text string) error {
	if !o.json {
		_, err := fmt.Fprint(cmd.OutOrStdout(), text)
		return err
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(value)
}
