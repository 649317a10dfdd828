// Package scenario runs stories about the market, written in a small language, through the real application: every line
// that acts becomes a signed transaction in a block. The stories in testdata are tests and documentation at once.
// After every block the invariants of the chain are checked and every rao is accounted for.
//
// A story has one command a line; # begins a comment; "quotes" hold a word with spaces. First comes the stage:
//
//	params   subnet min_tempo=10          parameters of a module at genesis
//	stake    val1 1000  val2 500          bonded validators with their own TAO
//	funds    alice 500                    accounts with TAO
//	subnet   text tempo=20 owner=olga voices val1 val2 miners a b c
//	                                      a started subnet; by default every validator has a voice in it
//
// The first other line opens the chain. The subnet named last, or by `in`, is the one that is spoken of:
//
//	in       text
//	weights  val1 a=0.7 b=0.3 | val2 a=1  what voices think from now on: committed and revealed every tempo
//	silent   val1                         a voice stops
//	epoch    2                            blocks until so many epochs have run
//	settle                                blocks until an epoch was decided by the weights stated
//	blocks   5 without val1               blocks that val1 does not sign
//	wait     3d                           a block after so much time (s, m, h, d)
//	until    commit                       blocks until the next one is in that phase: commit, reveal, quiet
//	equivocate val1                       a block with evidence that val1 signed twice
//	alice    sends bob 10                 a transaction that must succeed: a person, a verb of the table in acts.go
//	fails    "part of the error" alice sends bob 10
//	governance sets kappa=40000           a proposal with every validator's yes, carried out
//	note     before balance alice         remembers a figure as $before
//	expect   incentive a>b c=0 sum=100% balance alice=$before
//	                                      facts: measures of the table in facts.go, each with what is claimed of it
//
// `hot:alice sends bob 10` is signed by alice's hot key. Amounts are TAO; a~b says that two figures differ by at most a
// hundredth.
package scenario
