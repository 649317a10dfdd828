package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
	"github.com/stretchr/testify/require"

	"agora/engine"
	wireopenai "agora/wire/openai"
)

// weatherman is a model server that calls the tool "weather" when asked, and says what the tool said when told.
func weatherman() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked struct {
			Messages []struct {
				Role    string `json:"role"`
				Content any    `json:"content"`
			} `json:"messages"`
			Tools []struct {
				Function struct{ Name string } `json:"function"`
			} `json:"tools"`
		}
		_ = json.Unmarshal(body, &asked)
		last := asked.Messages[len(asked.Messages)-1]
		tool := "weather"
		if len(asked.Tools) > 0 {
			tool = asked.Tools[0].Function.Name
		}
		if last.Role == "tool" {
			sends(speaks(fmt.Sprintf("It is %v.", last.Content)), false)(w, r)
			return
		}
		sends(called(tool), false)(w, r)
	}
}

const tail = `data: {"id":"c1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":3}}}` + "\n\ndata: [DONE]\n\n"

// speaks is a stream of a text, by words.
func speaks(text string) (all string) {
	for _, word := range strings.SplitAfter(text, " ") {
		all += fmt.Sprintf("data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", word)
	}
	return all + finish + tail
}

// called is a stream that calls a tool for Paris, the arguments in parts.
func called(tool string) string {
	part := func(call string) string {
		return `data: {"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[` + call + "]}}]}\n\n"
	}
	return part(fmt.Sprintf(`{"index":0,"id":"call_9","type":"function","function":{"name":%q,"arguments":""}}`, tool)) +
		part(`{"index":0,"function":{"arguments":"{\"city\":"}}`) + part(`{"index":0,"function":{"arguments":"\"Paris\"}"}}`) +
		strings.Replace(finish, `"stop"`, `"tool_calls"`, 1) + tail
}

var cityOnly = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}}

func TestToolsThroughResponses(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", weatherman())
	client := m.client()
	p := responses.ResponseNewParams{
		Model: "chat", Input: responses.ResponseNewParamsInputUnion{OfString: param.NewOpt("Weather in Paris?")},
		Tools: []responses.ToolUnionParam{
			{OfFunction: &responses.FunctionToolParam{Name: "weather", Parameters: cityOnly}},
			{OfWebSearch: &responses.WebSearchToolParam{Type: "web_search"}},
		},
	}
	stream := client.Responses.NewStreaming(t.Context(), p)
	var done responses.Response
	parts := 0
	for stream.Next() {
		switch e := stream.Current().AsAny().(type) {
		case responses.ResponseFunctionCallArgumentsDeltaEvent:
			parts++
		case responses.ResponseCompletedEvent:
			done = e.Response
		}
	}
	require.NoError(t, stream.Err())
	require.Equal(t, 2, parts)
	require.Len(t, done.Output, 1)
	require.Equal(t, `{"city":"Paris"}`, done.Output[0].Arguments.OfString)
	require.EqualValues(t, 3, done.Usage.InputTokensDetails.CachedTokens)

	output := responses.ResponseInputItemParamOfFunctionCallOutput("sunny")
	output.OfFunctionCallOutput.CallID = param.NewOpt(done.Output[0].CallID)
	p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("Weather in Paris?", "user"),
		responses.ResponseInputItemParamOfFunctionCall(done.Output[0].Arguments.OfString, done.Output[0].CallID, "weather"),
		output,
	}}
	got, err := client.Responses.New(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "It is sunny.", got.OutputText())
	require.EqualValues(t, "completed", got.Status)

	p.Model = "nowhere"
	_, err = client.Responses.New(t.Context(), p)
	var refusal *openai.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "model_not_found", refusal.Code)
}

// cutShort is an engine that says one word and then the first of the request's stop strings, where it has any.
type cutShort struct{}

func (cutShort) Info() engine.Info { return engine.Info{Model: "short", Engine: "test"} }

func (cutShort) Chat(_ context.Context, r *wireopenai.ChatRequest, emit func(engine.Token) error) (wireopenai.Usage, engine.Finish, error) {
	end := &engine.End{Finish: engine.FinishStop}
	if len(r.Stop) > 0 {
		end.Stopped = r.Stop[0]
	}
	err := errors.Join(emit(engine.Token{Bytes: []byte("Well")}), emit(engine.Token{End: end}))
	return wireopenai.Usage{PromptTokens: 1, CompletionTokens: 1, TotalTokens: 2}, end.Finish, err
}

func TestMessagesNameTheStopSequenceOfAMinersOwnModel(t *testing.T) {
	n := newNetwork(t, cutShort{})
	client := anthropic.NewClient(anthropicoption.WithBaseURL(n.url), anthropicoption.WithAPIKey(n.secret), anthropicoption.WithMaxRetries(0))
	for _, c := range []struct {
		stops  []string
		reason anthropic.StopReason
		at     string
	}{{nil, anthropic.StopReasonEndTurn, ""}, {[]string{"\n<END>", "b"}, anthropic.StopReasonStopSequence, "\n<END>"}} {
		p := anthropic.MessageNewParams{
			Model: "chat", MaxTokens: 64, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Go on."))}, StopSequences: c.stops,
		}
		whole, err := client.Messages.New(t.Context(), p)
		require.NoError(t, err)
		stream := client.Messages.NewStreaming(t.Context(), p)
		var got anthropic.Message
		for stream.Next() {
			require.NoError(t, got.Accumulate(stream.Current()))
		}
		require.NoError(t, stream.Err())
		for _, m := range []*anthropic.Message{whole, &got} {
			require.Equal(t, "Well", m.Content[0].Text)
			require.Equal(t, c.reason, m.StopReason)
			require.Equal(t, c.at, m.StopSequence)
		}
	}
}

func TestToolsThroughMessages(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", weatherman())
	client := anthropic.NewClient(anthropicoption.WithBaseURL(m.url), anthropicoption.WithAPIKey(m.secret), anthropicoption.WithMaxRetries(0))
	p := anthropic.MessageNewParams{
		Model: "chat", MaxTokens: 64, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Weather in Paris?"))},
		Tools: []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{
			Name: "weather", InputSchema: anthropic.ToolInputSchemaParam{Properties: cityOnly["properties"]},
		}}},
	}
	stream := client.Messages.NewStreaming(t.Context(), p)
	var got anthropic.Message
	for stream.Next() {
		require.NoError(t, got.Accumulate(stream.Current()))
	}
	require.NoError(t, stream.Err())
	require.Equal(t, anthropic.StopReasonToolUse, got.StopReason)
	use, ok := got.Content[0].AsAny().(anthropic.ToolUseBlock)
	require.True(t, ok)
	require.JSONEq(t, `{"city":"Paris"}`, string(use.Input))

	p.Messages = append(p.Messages, got.ToParam(), anthropic.NewUserMessage(anthropic.NewToolResultBlock(use.ID, "sunny", false)))
	whole, err := client.Messages.New(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, "It is sunny.", whole.Content[0].Text)
	require.EqualValues(t, 2, whole.Usage.InputTokens, "what was cached is told apart")
	require.EqualValues(t, 3, whole.Usage.CacheReadInputTokens)

	count, err := client.Messages.CountTokens(t.Context(), anthropic.MessageCountTokensParams{Model: "chat", Messages: p.Messages[:1]})
	require.NoError(t, err)
	require.EqualValues(t, 5, count.InputTokens)
}

func TestRefusalsHaveTheDoorsShape(t *testing.T) {
	m := newMarket(t, nil)
	for path, body := range map[string]string{
		"/v1/messages": `{"model":"nowhere","messages":[{"role":"user","content":"x"}]}`, "/v1/messages/count_tokens": `{"model":7}`,
		"/messages": "", "/v1/v1/messages": "", "/v1/messages/batches": "",
	} {
		resp, text := m.post(path, body)
		var e struct {
			Type  string
			Error struct{ Type, Message string }
		}
		require.NoError(t, json.Unmarshal([]byte(text), &e))
		require.Equal(t, "error", e.Type, path)
		require.NotEmpty(t, e.Error.Message)
		require.Contains(t, []int{400, 404}, resp.StatusCode)
	}
	client := anthropic.NewClient(anthropicoption.WithBaseURL(m.url), anthropicoption.WithAPIKey("wrong"), anthropicoption.WithMaxRetries(0))
	_, err := client.Messages.New(t.Context(), anthropic.MessageNewParams{Model: "chat", MaxTokens: 1})
	var refusal *anthropic.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, http.StatusUnauthorized, refusal.StatusCode)
	require.Regexp(t, "^req_", refusal.RequestID)
}

// An answer that breaks off is an error for every client, in its own form.
func TestBrokenStreamIsAnErrorInEveryDoor(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", sends(`data: {"choices":[{"index":0,"delta":{"content":"half "}}]}`+"\n\n", true))
	open := m.client()
	stream := open.Responses.NewStreaming(t.Context(), responses.ResponseNewParams{
		Model: "chat", Input: responses.ResponseNewParamsInputUnion{OfString: param.NewOpt("x")},
	})
	failed := ""
	for stream.Next() {
		if e, ok := stream.Current().AsAny().(responses.ResponseFailedEvent); ok {
			failed = string(e.Response.Error.Code)
		}
	}
	require.ErrorContains(t, stream.Err(), "not complete")
	require.Equal(t, "miner_died", failed)
	client := anthropic.NewClient(anthropicoption.WithBaseURL(m.url), anthropicoption.WithAPIKey(m.secret), anthropicoption.WithMaxRetries(0))
	events := client.Messages.NewStreaming(t.Context(), anthropic.MessageNewParams{
		Model: "chat", MaxTokens: 1, Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("x"))},
	})
	text := ""
	for events.Next() {
		if e, ok := events.Current().AsAny().(anthropic.ContentBlockDeltaEvent); ok {
			text += e.Delta.Text
		}
	}
	require.Equal(t, "half ", text)
	require.ErrorContains(t, events.Err(), "not complete")
}

// Tools through chat are passed on byte by byte.
func TestToolsThroughChatAreWhatTheMinerSent(t *testing.T) {
	m := newMarket(t, nil)
	m.add(0, 9, "", weatherman())
	_, text := m.post("/v1/chat/completions", askStream)
	require.Equal(t, called("weather"), text)
	got, err := func() (*openai.ChatCompletion, error) {
		c := m.client()
		p := chatOf("Weather?")
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: "weather", Parameters: cityOnly})}
		return c.Chat.Completions.New(t.Context(), p, option.WithMaxRetries(0))
	}()
	require.NoError(t, err)
	require.Equal(t, `{"city":"Paris"}`, got.Choices[0].Message.ToolCalls[0].Function.Arguments)
}
