package grammar

// The forms of JSON (RFC 8259), over bytes, with bounds where an answer could otherwise go on for ever: white space
// between tokens is nothing, one blank, or a line end and up to 16 blanks; a number has up to 16 digits on either side
// of its point and 3 in its exponent.

func (b *builder) space() element {
	return ref(b.once("space", func() []sequence {
		return []sequence{nil, word(" "), join(word("\n"), b.upTo(16, sequence{oneOf(" \t")}))}
	}))
}

// char is a character of a string: a UTF-8 sequence that needs no escape, or an escape. Surrogates are escaped in pairs.
func (b *builder) char() element {
	return ref(b.once("char", func() []sequence {
		plain := element{rule: -1}
		plain.bytes.add(0x20, 0x21)
		plain.bytes.add(0x23, 0x5b)
		plain.bytes.add(0x5d, 0x7e)
		tail := span(0x80, 0xbf)
		hex := oneOf("0123456789abcdefABCDEF")
		low := join(word(`\u`), sequence{oneOf("dD"), oneOf("cdefCDEF"), hex, hex})
		return []sequence{
			{plain},
			{span(0xc2, 0xdf), tail},
			{span(0xe0, 0xe0), span(0xa0, 0xbf), tail},
			{span(0xe1, 0xec), tail, tail},
			{span(0xed, 0xed), span(0x80, 0x9f), tail},
			{span(0xee, 0xef), tail, tail},
			{span(0xf0, 0xf0), span(0x90, 0xbf), tail, tail},
			{span(0xf1, 0xf3), tail, tail, tail},
			{span(0xf4, 0xf4), span(0x80, 0x8f), tail, tail},
			join(word(`\`), sequence{oneOf(`"\/bfnrt`)}),
			join(word(`\u`), sequence{oneOf("0123456789abcefABCEF"), hex, hex, hex}),
			join(word(`\u`), sequence{oneOf("dD"), oneOf("01234567"), hex, hex}),
			join(word(`\u`), sequence{oneOf("dD"), oneOf("89abAB"), hex, hex}, low),
		}
	}))
}

// text is a string of least to most characters; most is negative where there is no limit.
func (b *builder) text(least, most int) sequence {
	return join(word(`"`), b.repeat(sequence{b.char()}, least, most), word(`"`))
}

func (b *builder) integer() element {
	return ref(b.once("integer", func() []sequence {
		digits := b.upTo(15, sequence{span('0', '9')})
		return []sequence{{b.optional(word("-")), ref(b.rule(word("0"), join(sequence{span('1', '9')}, digits)))}}
	}))
}

func (b *builder) number() element {
	return ref(b.once("number", func() []sequence {
		digit := sequence{span('0', '9')}
		fraction := join(word("."), digit, b.upTo(15, digit))
		exponent := join(sequence{oneOf("eE"), b.optional(sequence{oneOf("+-")})}, digit, b.upTo(1, digit))
		return []sequence{{b.integer(), b.optional(fraction), b.optional(exponent)}}
	}))
}

// value is any JSON value.
func (b *builder) value() element {
	return ref(b.once("value", func() []sequence {
		return []sequence{
			{b.object()},
			b.list(sequence{b.value()}, 0, -1),
			b.text(0, -1),
			{b.number()},
			word("true"), word("false"), word("null"),
		}
	}))
}

// object is any JSON object.
func (b *builder) object() element {
	return ref(b.once("object", func() []sequence { return []sequence{b.members(sequence{b.value()})} }))
}

// members is an object with any names and values of one form.
func (b *builder) members(value sequence) sequence {
	pair := join(b.text(0, -1), sequence{b.space()}, word(":"), sequence{b.space()}, value)
	return b.bracketed("{", pair, 0, -1, "}")
}

// list is an array of least to most items of one form; most is negative where there is no limit.
func (b *builder) list(item sequence, least, most int) sequence {
	return b.bracketed("[", item, least, most, "]")
}

func (b *builder) bracketed(open string, item sequence, least, most int, shut string) sequence {
	space := sequence{b.space()}
	if most == 0 {
		return join(word(open), space, word(shut))
	}
	more := b.repeat(join(word(","), space, item, space), max(least-1, 0), most-1)
	if most < 0 {
		more = b.repeat(join(word(","), space, item, space), max(least-1, 0), -1)
	}
	filled := join(item, space, more)
	if least == 0 {
		filled = sequence{b.optional(filled)}
	}
	return join(word(open), space, filled, word(shut))
}

// JSON is the form of any JSON object, as response_format json_object asks.
func JSON() *Grammar {
	b := &builder{shared: map[string]int{}}
	object := b.object()
	return &Grammar{rules: b.rules, start: object.rule}
}
