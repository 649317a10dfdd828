// Package responses translates OpenAI's Responses API to chats and back, without state: a request becomes the chat that
// asks the same, and the chat's chunks become the events and the object that clients of the API read.
//
// Nothing is stored, so what names something stored earlier is refused. Kinds of tools and of input that only a hosted
// service has are left out, not refused, since coding agents always send some.
package responses
