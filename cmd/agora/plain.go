package main

import (
	"regexp"
	"strings"
)

// What the SDK and gRPC wrap around the sentence that says what is wrong.
var wrappings = []*regexp.Regexp{
	regexp.MustCompile(`rpc error: code = \w+ desc = `),
	regexp.MustCompile(`failed to execute message; message index: 0: `),
	regexp.MustCompile(` \[[\w./@-]+\.go:\d+\]`),
	regexp.MustCompile(` with gas used: '\d+'`),
	regexp.MustCompile(`: unknown request\b`),
	regexp.MustCompile(`^error in json rpc client, with http response metadata: \([^)]*\)\. `),
	regexp.MustCompile(`RPC error -\d+ - (Internal|Server) error: `),
	regexp.MustCompile(`failed to convert address field to address: `),
	regexp.MustCompile(`failed to broadcast tx: `),
}

// plain is an error's text without its wrappings.
func plain(text string) string {
	for _, w := range wrappings {
		text = w.ReplaceAllString(text, "")
	}
	for _, s := range sentences {
		text = s.said.ReplaceAllString(text, s.plain)
	}
	return strings.TrimSpace(text)
}

// sentences are what programs say, and what people do.
var sentences = []struct {
	said  *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`tx \(([0-9A-Fa-f]+)\) not found(, err: .*)?$`), "no transaction $1 is in a block"},
	{regexp.MustCompile(`strconv\.Parse(?:Int|Uint): parsing "[^"]*": invalid syntax`), "not a whole number"},
	{regexp.MustCompile(`strconv\.Parse(?:Int|Uint): parsing "[^"]*": value out of range`), "too large a number"},
	{regexp.MustCompile(`^cannot estimate gas in offline mode$`), "give --gas N: it cannot be estimated offline"},
}

// positional is how autocli calls an argument in an error: by the number of a flag that nobody gave.
var positional = regexp.MustCompile(`invalid argument "([^"]*)" for "--(\d+)" flag: (.*)`)

// argumentError names the argument of a command line by its place and its name in the help.
func argumentError(text, use string) (string, bool) {
	found := positional.FindStringSubmatch(text)
	if found == nil {
		return text, false
	}
	name := "argument " + found[2]
	if words := strings.Fields(use); len(found[2]) == 1 && int(found[2][0]-'0')+1 < len(words) {
		name = words[int(found[2][0]-'0')+1]
	}
	return strings.Trim(name, "[]<>") + " \"" + found[1] + "\": " + plain(found[3]), true
}
