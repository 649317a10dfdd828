// Package anthropic translates Anthropic's Messages API to chats and back, without state: a request becomes the chat that
// asks the same, and the chat's chunks become the events and the object that clients of the API read.
//
// Tools that only Anthropic's own servers run, and blocks that tell of their use, are left out, not refused.
package anthropic
