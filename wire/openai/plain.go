package openai

import (
	"errors"
	"strconv"

	"agora/wire/walk"
)

// errUsual is what a plain request does not have. It goes no further.
var errUsual = errors.New("openai: for encoding/json")

// plainChat reads a request as encoding/json does, and much faster, where it has only the usual fields with values of their own
// kind. False leaves it to encoding/json, which knows what is wrong with it if anything is. The body has passed CheckJSON.
func plainChat(body []byte, r *ChatRequest) bool {
	err := walk.Members(body, func(key, value []byte) error {
		switch string(key) {
		case "model":
			return plainText(&r.Model, value)
		case "messages":
			return plainMessages(&r.Messages, value)
		case "max_tokens":
			return plainNumber(&r.MaxTokens, value, atoi)
		case "max_completion_tokens":
			return plainNumber(&r.MaxCompletion, value, atoi)
		case "temperature":
			return plainNumber(&r.Temperature, value, parseFloat)
		case "top_p":
			return plainNumber(&r.TopP, value, parseFloat)
		case "seed":
			return plainNumber(&r.Seed, value, parseInt)
		case "n":
			return plainNumber(&r.N, value, atoi)
		case "stream":
			return plainBool(&r.Stream, value)
		case "stream_options":
			r.StreamOptions = new(StreamOptions)
			return plainOptions(r.StreamOptions, value)
		case "logprobs":
			return plainBool(&r.Logprobs, value)
		case "top_logprobs":
			return plainNumber(&r.TopLogprobs, value, atoi)
		case "user":
			return plainText(&r.User, value)
		}
		return errUsual // one that is not known is passed over, but one in another case is not
	})
	if err != nil {
		*r = ChatRequest{}
	}
	return err == nil
}

func plainMessages(list *[]Message, raw []byte) error {
	*list = make([]Message, 0, 4)
	return walk.Values(raw, func(value []byte) error {
		var m Message
		err := walk.Members(value, func(key, value []byte) error {
			switch string(key) {
			case "role":
				return plainText(&m.Role, value)
			case "content":
				return plainText(&m.Content, value)
			}
			return errUsual
		})
		*list = append(*list, m)
		return err
	})
}

func plainOptions(o *StreamOptions, raw []byte) error {
	return walk.Members(raw, func(key, value []byte) error {
		if string(key) != "include_usage" {
			return errUsual
		}
		return plainBool(&o.IncludeUsage, value)
	})
}

func plainText[T ~string](into *T, value []byte) error {
	text, ok := walk.Text(value)
	if !ok {
		return errUsual
	}
	*into = T(text)
	return nil
}

func plainBool(into *bool, value []byte) error {
	*into = string(value) == "true"
	if !*into && string(value) != "false" {
		return errUsual
	}
	return nil
}

func plainNumber[T any](into **T, value []byte, parse func(string) (T, error)) error {
	n, err := parse(string(value))
	*into = &n
	return err
}

func atoi(s string) (int, error)           { return strconv.Atoi(s) }
func parseInt(s string) (int64, error)     { return strconv.ParseInt(s, 10, 64) }
func parseFloat(s string) (float64, error) { return strconv.ParseFloat(s, 64) }
