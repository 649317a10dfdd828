//go:build !wasip1

package guest

// Judge answers what a task asks where the task runs as ordinary Go: a test's judge.
var Judge func(m Model, request []byte) string

func ask(m Model, request []byte) string {
	if Judge == nil {
		panic("guest: nobody can be asked: set guest.Judge")
	}
	return Judge(m, request)
}
