package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Error is a refusal in OpenAI's shape. Status is the HTTP status it travels with, 400 to 599.
type Error struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   string `json:"-"` // the field at fault; empty is written as null
	Code    string `json:"-"` // a stable word for programs; empty is written as null
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf makes an error of the given HTTP status, with the type that OpenAI uses for it.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Type: errorType(status), Message: fmt.Sprintf(format, args...)}
}

// Invalid makes a 400 about one field of the request.
func Invalid(param, format string, args ...any) *Error {
	e := Errorf(http.StatusBadRequest, format, args...)
	e.Param = param
	return e
}

// WithCode returns a copy of e that carries a stable word for programs.
func (e *Error) WithCode(code string) *Error {
	c := *e
	c.Code = code
	return &c
}

func errorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusPaymentRequired:
		return "insufficient_quota"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	}
	if status >= 500 {
		return "server_error"
	}
	return "invalid_request_error"
}

// MarshalJSON writes {"error":{"message","type","param","code"}}.
func (e *Error) MarshalJSON() ([]byte, error) {
	type object struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	return json.Marshal(map[string]object{"error": {e.Message, e.Type, orNull(e.Param), orNull(e.Code)}})
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// AsError finds the Error in err; any other error becomes a 500 whose text does not leave the process.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(http.StatusInternalServerError, "the server failed to answer this request")
}

// WriteError answers a request with err in OpenAI's shape and its status.
func WriteError(w http.ResponseWriter, err error) {
	e := AsError(err)
	body, jsonErr := json.Marshal(e)
	if jsonErr != nil { // strings always marshal
		body = []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":null}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	w.Write(append(body, '\n'))
}
