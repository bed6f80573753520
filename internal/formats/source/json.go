package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// JSON reads one JSON value.
func JSON(file, text string) (*Node, error) {
	r := &jsonReader{file: file, text: text, places: placesOf(text), dec: json.NewDecoder(strings.NewReader(text))}
	r.dec.UseNumber()
	n, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if p := r.next(); p < len(text) {
		return nil, &Error{file, r.places.at(p), "more text", "the end of the file", Syntax}
	}
	return n, nil
}

type jsonReader struct {
	file, text string
	places     places
	dec        *json.Decoder
	values     int
}

// next is the offset of the next token's first byte.
func (r *jsonReader) next() int {
	p := int(r.dec.InputOffset())
	for p < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[p]) >= 0 {
		p++
	}
	return p
}

func (r *jsonReader) token() (json.Token, Pos, error) {
	p := r.places.at(r.next())
	tok, err := r.dec.Token()
	if err == nil {
		return tok, p, nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, p, &Error{r.file, r.places.at(len(r.text)), "the end of the file", "the rest of a JSON value", Syntax}
	case errors.As(err, &syntax):
		return nil, p, &Error{r.file, r.places.at(int(syntax.Offset) - 1), "not JSON: " + syntax.Error(), "", Syntax}
	default:
		return nil, p, &Error{r.file, p, "not JSON: " + err.Error(), "", Syntax}
	}
}

func (r *jsonReader) value(depth int) (*Node, error) {
	tok, p, err := r.token()
	if err != nil {
		return nil, err
	}
	n := NewNode(r.file, p, Null, "")
	if r.values++; r.values > mostValues {
		return nil, &Error{r.file, p, "one more value", fmt.Sprintf("%d in one file at most", mostValues), Syntax}
	}
	if depth > maxDepth {
		return nil, n.Errorf("", "nested more than %d deep", maxDepth)
	}
	switch tok := tok.(type) {
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(tok)
	case json.Number:
		n.Kind, n.Text = Number, tok.String()
	case string:
		n.Kind, n.Text = String, tok
	case json.Delim:
		if tok == '[' {
			n.Kind = List
			err = r.list(n, depth)
		} else {
			n.Kind = Map
			err = r.members(n, depth)
		}
	}
	return n, err
}

func (r *jsonReader) list(n *Node, depth int) error {
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Items = append(n.Items, item)
	}
	_, _, err := r.token()
	return err
}

func (r *jsonReader) members(n *Node, depth int) error {
	for r.dec.More() {
		tok, p, err := r.token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return &Error{r.file, p, fmt.Sprint(tok), "a key in quotes", Syntax}
		}
		value, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if err := n.Add(p, key, value); err != nil {
			return err
		}
	}
	_, _, err := r.token()
	return err
}
