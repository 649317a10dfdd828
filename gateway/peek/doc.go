// Package peek is what the gateway looks at in the bytes that pass through it, without decoding and encoding them again:
// where a request wants to go, whether an answer is whole, where an event of a stream ends.
package peek
