// Package http1 serves HTTP/1.1 and HTTP/1.0 to an http.Handler, where many requests are small, many answers are streams, and
// those who ask are strangers.
//
// A connection is one goroutine, which holds a buffer only while bytes are in it: an answer that waits for its next event has
// none. A client that leaves ends its request's context; who watches for that begins only once an answer has taken a while. An
// answer that is small goes out in one write, header and body together.
//
// It is stricter than net/http: what could be read in two ways (two lengths, a length and chunks, a line that ends in LF alone, a
// folded header, a blank before a colon) is refused, and the connection ends. Whatever it takes, net/http takes for the same
// request. There is no TLS, no HTTP/2 and no Hijack, and trailers of requests are checked and dropped.
//
// AppendRequest and Answers are the other end, for who asks over a connection of his own: they write requests as net/http does, and
// read answers by the same rules.
package http1
