// Package exam examines open models: the same items for all, drawn from a seed that nobody chose, asked of the weights themselves by
// the native engine. The result is a fact about a digest, which anybody can compute again.
//
//	Contest   which families with which parts             (contest.go)
//	Sitting   what the chain says of one tempo            (sitting.go)
//	Room      bounded work: models in, results out        (room.go)
//	Store     results, each asked for at most once        (store.go)
//	Course    one subnet: from tempos to weights          (course.go)
package exam
