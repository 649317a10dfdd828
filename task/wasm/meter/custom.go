package meter

import "bytes"

// Custom is the content of the first custom section of this name in a module's file; nil where there is none, or the file is no module.
// Nothing in such a section runs.
func Custom(code []byte, name string) []byte {
	r := &reader{data: code}
	if !bytes.Equal(r.take(len(magic)), magic) {
		return nil
	}
	for r.more() {
		id := r.byte()
		body := &reader{data: r.take(int(r.u32()))}
		if r.err == nil && id == secCustom && body.name() == name && body.err == nil {
			return body.data[body.at:]
		}
	}
	return nil
}

// WithCustom is a module's file with one more custom section at its end.
func WithCustom(code []byte, name string, content []byte) []byte {
	body := append(text(nil, name), content...)
	return append(u32(append(bytes.Clone(code), secCustom), uint32(len(body))), body...)
}
