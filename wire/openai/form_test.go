package openai

import (
	"bytes"
	"errors"
	"mime/multipart"
	"testing"

	"github.com/stretchr/testify/require"
)

// formOf is a form of a file and fields.
func formOf(t testing.TB, fields ...string) (string, []byte) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreateFormFile("file", "a.wav")
	require.NoError(t, err)
	_, err = part.Write([]byte("RIFF\r\n--x"))
	require.NoError(t, err)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(t, w.WriteField(fields[i], fields[i+1]))
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), out.Bytes()
}

func TestFormChangesOnlyItsModel(t *testing.T) {
	kind, body := formOf(t, "model", "speech", "language", "en")
	f, err := ReadForm(kind, body)
	require.NoError(t, err)
	require.Equal(t, "speech", f.Model)
	kind, body, err = f.Renamed("whisper-1")
	require.NoError(t, err)
	f, err = ReadForm(kind, body)
	require.NoError(t, err)
	require.Equal(t, "whisper-1", f.Model)
	require.Equal(t, "en", f.Field("language"))
	name, content := f.File()
	require.Equal(t, "a.wav", name)
	require.Equal(t, "RIFF\r\n--x", string(content))
}

func TestFormIsRefusedWithASentence(t *testing.T) {
	for want, fields := range map[string][]string{
		"must provide a model":   {},
		"stands twice":           {"model", "a", "model", "b"},
		"come in one piece":      {"model", "a", "stream", "true"},
		"larger than 65536 byte": {"model", string(make([]byte, maxFormField+1))},
	} {
		kind, body := formOf(t, fields...)
		_, err := ReadForm(kind, body)
		require.ErrorContains(t, err, want)
	}
	_, err := ReadForm("application/json", []byte("{}"))
	require.ErrorContains(t, err, "multipart/form-data")
	kind, body := formOf(t, "model", "a")
	_, err = ReadForm(kind, body[:len(body)-20])
	require.Error(t, err)
}

func FuzzForm(f *testing.F) {
	kind, body := formOf(f, "model", "m")
	f.Add(kind, body)
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		form, err := ReadForm(kind, body)
		var refusal *Error
		if err != nil && !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		kind, body, err = form.Renamed("other")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ReadForm(kind, body); err != nil || again.Model != "other" {
			t.Fatalf("%v %v", again, err)
		}
	})
}
