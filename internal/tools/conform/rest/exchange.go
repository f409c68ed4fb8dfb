package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// exchange is one recorded line.
type exchange struct {
	Scenario string `json:"scenario"`
	Seq      int    `json:"seq"`
	Name     string `json:"name"`
	Request  struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Query   map[string]any    `json:"query"`
		Headers map[string]string `json:"headers"`
		Body    *requestBody      `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    any               `json:"body"`
	} `json:"response"`
	Poll *struct {
		Status  int    `json:"status"`
		Pointer string `json:"pointer"`
		In      []any  `json:"in"`
	} `json:"poll"`
	Unordered bool `json:"unordered"`
	Suspect   bool `json:"suspect"`
}

func (x *exchange) id() string { return fmt.Sprintf("%s:%d", x.Scenario, x.Seq) }

// requestBody is the body of a recorded request in one of its forms.
type requestBody struct {
	JSON      any                      `json:"json"`
	Multipart map[string]multipartPart `json:"multipart"`
	RawFile   string                   `json:"raw_file"`
	RawBase64 string                   `json:"raw_base64"`
}

type multipartPart struct {
	Text string `json:"text"`
	File string `json:"file"`
}

// maxLine bounds a recorded line in bytes.
const maxLine = 16 << 20

func readExchanges(file string) ([]*exchange, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []*exchange
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		x := &exchange{}
		if err := decode(lines.Bytes(), x); err != nil {
			return nil, fmt.Errorf("read line %d of %s: %w", len(out)+1, file, err)
		}
		out = append(out, x)
	}
	return out, lines.Err()
}

// decode keeps numbers as they are written.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}
