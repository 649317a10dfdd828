package main

// Letters of X11's misc-fixed 7x13, which is in the public domain: for each of a to z thirteen rows of seven points, two hexadecimal digits a
// row, the left point in the bit of 64.
const letters = "" +
	"00000000003c023e42463a0000" +
	"00004040405c624242625c0000" +
	"00000000003c424040423c0000" +
	"00000202023a464242463a0000" +
	"00000000003c427e40423c0000" +
	"00001c22202078202020200000" +
	"00000000003a444438403c423c" +
	"00004040405c62424242420000" +
	"000000080018080808083e0000" +
	"0000000200060202020222221c" +
	"00004040404448704844420000" +
	"000018080808080808083e0000" +
	"0000000000342a2a2a2a220000" +
	"00000000005c62424242420000" +
	"00000000003c424242423c0000" +
	"00000000005c6242625c404040" +
	"00000000003a4642463a020202" +
	"00000000005c22202020200000" +
	"00000000003c42300c423c0000" +
	"000000202078202020221c0000" +
	"000000000042424242463a0000" +
	"00000000002222221414080000" +
	"000000000022222a2a2a140000" +
	"00000000004224181824420000" +
	"0000000000424242463a02423c" +
	"00000000007e040810207e0000"

// Points of a letter's box.
const (
	across = 7
	down   = 13
)

// point says whether a letter has ink at x from the left and y from the top of its box.
func point(letter byte, x, y int) bool {
	if letter < 'a' || letter > 'z' {
		return false
	}
	at := 2 * (int(letter-'a')*down + y)
	return (digit(letters[at])<<4|digit(letters[at+1]))>>(across-1-x)&1 == 1
}

func digit(c byte) int {
	if c >= 'a' {
		return int(c-'a') + 10
	}
	return int(c - '0')
}
