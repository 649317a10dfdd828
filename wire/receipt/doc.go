// Package receipt is what a server signs for one answer: who gave it, to whom, to which request, and with which model.
//
// A receipt says no more than that the holder of a hot key signed these fields. That the answer is the model's is what an
// audit finds, by running the model on the same tokens; the receipt is what makes the finding evidence. docs/receipts.md
// has the layout byte by byte, and testdata has vectors for other programs.
package receipt
