// Package walk looks at JSON text without decoding it: the members of an object and the values of an array as they stand
// there, and whether the text is JSON at all. It reads each byte once, and allocates nothing but what a string with escapes is
// decoded into.
package walk
