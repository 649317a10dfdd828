// Command continuation is the family continuation as a module.
package main

import (
	"agora/task/continuation"
	"agora/task/kit/guest"
	"agora/task/module"
)

func init() {
	guest.Serve(module.Of(continuation.New(), "What comes next in a text, byte by byte."))
}

func main() {}
