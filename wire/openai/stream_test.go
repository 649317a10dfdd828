package openai

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	part     = `{"id":"c","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}`
	finish   = `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	usage    = `{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`
	data     = "data: "
	blank    = "\n\n"
	doneLine = "data: [DONE]"
)

// ending reads a stream and says how it ended: "whole", "cut", or the error told; and what came, comments as ":text".
func ending(r io.Reader) (end string, came []string) {
	s := NewStream(r, 1<<16)
	for {
		c, err := s.Next()
		var told *Error
		switch {
		case err == io.EOF:
			return "whole", came
		case errors.As(err, &told):
			return fmt.Sprintf("%d %s", told.Status, told.Message), came
		case err != nil:
			return "cut", came
		}
		text := string(c.Data)
		if c.Comment {
			text = ":" + text
		}
		came = append(came, text)
	}
}

func TestEveryEndOfAStreamIsKnown(t *testing.T) {
	for _, c := range []struct{ name, in, end string }{
		{"as OpenAI has it", data + part + blank + data + finish + blank + data + usage + blank + doneLine + blank, "whole"},
		{"no [DONE]", data + part + blank + data + finish + blank, "whole"},
		{"no blank line after [DONE]", data + finish + blank + doneLine + "\n", "whole"},
		{"no line end after [DONE]", data + finish + blank + doneLine, "whole"},
		{"no blank line after the last chunk", data + part + blank + data + finish, "whole"},
		{"[DONE] in blanks", data + finish + blank + "data:  [DONE] \n\n", "whole"},
		{"no space", "data:" + finish + blank + "data:[DONE]" + blank, "whole"},
		{"CRLF", data + finish + "\r\n\r\n" + doneLine + "\r\n\r\n", "whole"},
		{"bare CR", data + finish + "\r\r" + doneLine + "\r\r", "whole"},
		{"comments and fields", ": ping\n\nid: 1\nevent: message\nretry: 3\n" + data + finish + blank + ": ping\n\n" + doneLine + blank, "whole"},
		{"over two lines", "data: {\"choices\":\ndata: [{\"finish_reason\":\"length\"}]}\n\n", "whole"},
		{"empty finish_reason first", strings.ReplaceAll(data+part+blank, "null", `""`) + data + finish + blank, "whole"},
		{"two choices", data + finish + blank + data + strings.ReplaceAll(finish, `"index":0`, `"index":1`) + blank + doneLine + blank, "whole"},
		{"event after [DONE]", data + finish + blank + doneLine + blank + data + `{"error":{"message":"no"}}` + blank, "whole"},
		{"a kind of chunk that nobody knows", data + part + blank + data + `{"type":"ping"}` + blank + data + finish + blank, "whole"},

		{"a ping with a name first", "event: ping\n" + data + `{"type":"ping"}` + blank + data + finish + blank, "whole"},
		{"null first", data + "null" + blank + data + finish + blank, "whole"},

		{"nothing", "", "cut"},
		{"[DONE] alone", doneLine + blank, "cut"},
		{"comments alone", ": a\n\n: b\n\n", "cut"},
		{"usage alone", data + usage + blank + doneLine + blank, "cut"},
		{"no finish_reason", data + part + blank, "cut"},
		{"no finish_reason but [DONE]", data + part + blank + doneLine + blank, "cut"},
		{"empty finish_reason and [DONE]", strings.ReplaceAll(data+part+blank, "null", `""`) + doneLine + blank, "cut"},
		{"one of two choices", data + finish + blank + data + strings.ReplaceAll(part, `"index":0`, `"index":1`) + blank + doneLine + blank, "cut"},
		{"in the middle of an event", data + part + blank + data + finish[:20], "cut"},
		{"no JSON", data + "hello" + blank + doneLine + blank, "cut"},
		{"a choice too far", data + `{"choices":[{"index":128,"finish_reason":"stop"}]}` + blank + doneLine + blank, "cut"},

		{"error", data + part + blank + data + `{"error":{"message":"died","type":"x"}}` + blank, "502 died"},
		{"error and [DONE]", data + `{"error":{"message":"died","code":"x"}}` + blank + doneLine + blank, "502 died"},
		{"no space before", `data:{"error":{"message":"died"}}` + blank, "502 died"},
		{"spaces inside", `data: { "error" : {"message":"died"}}` + blank, "502 died"},
		{"event: error", "event: error\n" + data + `{"error":{"message":"died"}}` + blank, "502 died"},
		{"event: error without the member", "event: error\n" + data + `{"message":"died"}` + blank, "502 died"},
		{"event: error in plain text", "event: error\ndata: died\n\n", "502 died"},
		{"an object named error", data + `{"object":"error","message":"died","code":500}` + blank, "500 died"},
		{"with id", "id: 1\n" + data + `{"error":{"message":"died"}}` + blank, "502 died"},
		{"after a comment", ": hi\n\n" + data + `{"error":{"message":"died"}}` + blank, "502 died"},
		{"a text", data + `{"error":"died"}` + blank, "502 died"},
		{"FastAPI's", data + `{"detail":"died"}` + blank, "502 died"},
		{"a message instead of choices", data + part + blank + data + `{"message":"died"}` + blank, "502 died"},
		{"beside choices", data + `{"error":{"message":"died"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}` + blank, "502 died"},
		{"inside a choice", data + `{"choices":[{"index":0,"error":{"message":"died","code":503}}]}` + blank, "503 died"},
		{"a finish_reason", data + part + blank + data + `{"choices":[{"index":0,"finish_reason":"error"}]}` + blank + doneLine + blank, "502 "},
		{"aborted", data + part + blank + data + `{"choices":[{"index":0,"finish_reason":"abort"}]}` + blank + doneLine + blank, "502 "},
		{"after the end", data + finish + blank + data + `{"error":{"message":"died"}}` + blank, "502 died"},
		{"with another name and a message", "event: exception\n" + data + `{"message":"died"}` + blank, "502 died"},
		{"first and no choices", data + `{"status":"loading"}` + blank + data + finish + blank, "502 "},
		{"llama.cpp's context", data + `{"error":{"code":400,"message":"the request exceeds","type":"exceed_context_size_error"}}` + blank, "400 the request exceeds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				if got, _ := ending(r); got != c.end {
					t.Fatalf("ended %q, want %q", got, c.end)
				}
			}
		})
	}
}

func TestChunksComeAsTheyWereWritten(t *testing.T) {
	in := ": hello\n\n" + data + part + blank + ":\n" + data + finish + blank + data + `{"usage": {"completion_tokens": 2}}` + blank + doneLine + blank
	_, came := ending(strings.NewReader(in))
	want := []string{":hello", part, ":", finish, `{"choices":[],"usage": {"completion_tokens": 2}}`}
	if fmt.Sprint(came) != fmt.Sprint(want) {
		t.Fatalf("%q, want %q", came, want)
	}
}

func TestUsageIsReadInAnySpelling(t *testing.T) {
	for in, want := range map[string]int{
		`{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}`:      7,
		`{"usage" : { "prompt_tokens" : 3, "completion_tokens" : 4 }}`:          7,
		"{\"usage\":\t{\"prompt_tokens\": 3,\n\"completion_tokens\": 4}}":       7,
		`{"\u0075sage":{"prompt_tokens":3,"completion_tokens":4},"choices":[]}`: 7,
		`{"choices":[{"text":"\"usage\":{\"prompt_tokens\":9}"}]}`:              -1,
		`{"choices":[],"usage":null}`:                                           -1,
		`{"choices":[],"usage":{"prompt_tokens":"x"}}`:                          -1,
	} {
		for _, newline := range []string{"\n", "\r\n"} {
			text := "data: " + strings.ReplaceAll(in, "\n", newline+"data: ") + newline + newline
			c, err := NewStream(strings.NewReader(text), 1<<10).Next()
			got := -1
			if c.Usage != nil {
				got = c.Usage.PromptTokens + c.Usage.CompletionTokens
			}
			if err != nil || got != want {
				t.Errorf("%s: %d, %v", in, got, err)
			}
		}
	}
}

func TestForeignErrorsAreReadInEveryShape(t *testing.T) {
	for _, c := range []struct {
		status int
		in     string
		want   string // status param code message
	}{
		{400, `{"error":{"message":"max_tokens is 9","type":"invalid_request_error","param":"max_tokens","code":null}}`, "400 max_tokens  max_tokens is 9"},
		{400, `{"error":"model runner crashed"}`, "400   model runner crashed"},
		{422, `{"detail":"Requested tokens exceed context window"}`, "400 messages context_length_exceeded Requested tokens exceed context window"},
		{422, `{"detail":[{"loc":["body","n"],"msg":"not an int","type":"type_error"}]}`, "422   not an int"},
		{400, `{"object":"error","message":"no","type":"BadRequestError","param":null,"code":40301}`, "400   no"},
		{400, `{"message":"no","code":"bad"}`, "400  bad no"},
		{400, `"no"`, "400   no"},
		{400, "no way\n", "400   no way"},
		{400, `<html>nginx</html>`, "400   "},
		{400, ``, "400   "},
		{400, `{"error":{}}`, "400   "},
		{0, `{"error":{"message":"busy","code":429}}`, "429   busy"},
		{0, `{"error":{"message":"busy","code":"429"}}`, "429   busy"},
		{0, `{"error":{"message":"odd","code":7}}`, "502   odd"},
		{
			400, `{"error":{"code":400,"message":"request (3031 tokens) exceeds the available context size (2048 tokens)","type":"exceed_context_size_error","n_ctx":2048}}`,
			"400 messages context_length_exceeded request (3031 tokens) exceeds the available context size (2048 tokens)",
		},
		{
			400, `{"error":{"message":"This model's maximum context length is 4096 tokens","code":"context_length_exceeded","param":"messages"}}`,
			"400 messages context_length_exceeded This model's maximum context length is 4096 tokens",
		},
		{
			500, `{"error":{"code":500,"message":"image input is not supported - hint: if this is unexpected, you may need to provide the mmproj","type":"server_error"}}`,
			"400 messages unsupported_parameter image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
		},
		{400, `{"error":"registry.ollama.ai/library/x does not support tools"}`, "400 tools unsupported_parameter registry.ollama.ai/library/x does not support tools"},
		{500, `{"error":{"message":"Conversation roles must alternate user/assistant"}}`, "400 messages unsupported_parameter Conversation roles must alternate user/assistant"},
		{400, `{"error":{"message":"no","param":"logit_bias","code":"unsupported_parameter"}}`, "400 logit_bias unsupported_parameter no"},
		{429, `{"error":{"message":"the context window of this key is used up"}}`, "429   the context window of this key is used up"},
		{500, `{"error":{"message":"CUDA out of memory"}}`, "500   CUDA out of memory"},
		{400, "{\"error\":\"a\\u0000b\\nc\"}", "400   ab c"},
		{0, `[{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}]`, "429   quota"},
		{0, `{"title":"Bad Request","detail":"no such voice","status":400}`, "400   no such voice"},
		{400, `{"success":false,"msg":"no"}`, "400   no"},
		{400, `{"error_code":17,"error_msg":"no"}`, "400   no"},
		{400, `{"base_resp":{"status_code":1004,"status_msg":"no"}}`, "400   no"},
		{400, `{"fault":{"faultstring":"no"}}`, "400   no"},
		{400, `{"Message":"no"}`, "400   no"},
		{400, `[]`, "400   "},
	} {
		e := Foreign(c.status, []byte(c.in))
		if got := fmt.Sprintf("%d %s %s %s", e.Status, e.Param, e.Code, e.Message); got != c.want {
			t.Errorf("%d %s:\n got %q\nwant %q", c.status, c.in, got, c.want)
		}
	}
	if e := Foreign(400, []byte(strings.Repeat("é", 1000))); len(e.Message) > maxReason+3 {
		t.Errorf("%d bytes of a reason", len(e.Message))
	}
}

// Whatever a server sends: no panic, no more than was sent, and an end.
func FuzzStream(f *testing.F) {
	f.Add(": x\r\n\r\ndata: "+part+"\r\rdata:"+finish+"\n\ndata: [DONE]", byte(3))
	f.Add("event: error\ndata: died\n\n", byte(1))
	f.Add("data: {\"usage\":{}}\n\ndata: {\"error\":[{\"message\":1}]}", byte(9))
	f.Fuzz(func(t *testing.T, in string, step byte) {
		s := NewStream(&slow{in, int(step) + 1}, 1<<10)
		for range len(in) + 2 {
			c, err := s.Next()
			if err != nil {
				whole, _ := ending(strings.NewReader(in))
				if (err == io.EOF) != (whole == "whole") && len(in) < 1<<10 {
					t.Fatalf("in steps of %d: %v, at once: %s", step, err, whole)
				}
				return
			}
			if len(c.Data) > 1<<11 || c.Comment && strings.ContainsAny(string(c.Data), "\r\n") {
				t.Fatalf("%q", c.Data)
			}
		}
		t.Fatal("more chunks than bytes")
	})
}
