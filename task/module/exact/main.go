// Command exact is the family exact as a module.
package main

import (
	"agora/task/exact"
	"agora/task/kit/guest"
	"agora/task/module"
)

func init() {
	guest.Serve(module.Of(exact.Family{}, "Short questions that have exactly one answer."))
}

func main() {}
