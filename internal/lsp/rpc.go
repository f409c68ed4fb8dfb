package lsp

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what a client may send.
const (
	maxMessage = 64 << 20
	maxHeader  = 4 << 10
)

// errTooLarge is a message that was skipped; the next one can be read.
var errTooLarge = fmt.Errorf("the message is larger than %d bytes", maxMessage)

// errHeader is a header after which nothing can be read any more, because nobody knows where the next message begins.
var errHeader = errors.New("the header of the message cannot be read")

// readMessage reads the content of one message: header lines with its length, an empty line, the content.
func readMessage(r *bufio.Reader) ([]byte, error) {
	length, size := -1, 0
	for {
		line, err := r.ReadSlice('\n')
		if size += len(line); size > maxHeader || errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%w: it is longer than %d bytes", errHeader, maxHeader)
		}
		if err != nil {
			if errors.Is(err, io.EOF) && size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, v, ok := strings.Cut(text, ":")
		if !ok {
			return nil, fmt.Errorf("%w: %q is no field", errHeader, text)
		}
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			continue
		}
		if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil || length < 0 {
			return nil, fmt.Errorf("%w: %q is no length", errHeader, strings.TrimSpace(v))
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("%w: it has no Content-Length", errHeader)
	}
	if length > maxMessage {
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return nil, err
		}
		return nil, errTooLarge
	}
	// The buffer grows with what arrives, so that a false length costs nothing.
	data, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err == nil && len(data) < length {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// writeMessage writes one message with its header in one piece.
func writeMessage(w io.Writer, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return err
	}
	data := fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(content))
	_, err = w.Write(append(data, content...))
	return err
}

// incoming is a request, or a notification when it has no id.
type incoming struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type response struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

type failure struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *rpcError       `json:"error"`
}

type notification struct {
	JSONRPC string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

// rpcError is an answer that says no.
type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Error gives the message.
func (e *rpcError) Error() string { return e.Message }

// The codes of JSON-RPC and of the protocol.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
	codeNotInitialized = -32002
	codeRequestFailed  = -32803
)

func refuse(code int, format string, args ...any) *rpcError {
	return &rpcError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// decode reads parameters into v.
func decode(params json.RawMessage, v any) *rpcError {
	if len(params) == 0 {
		return refuse(codeInvalidParams, "parameters are missing")
	}
	if err := json.Unmarshal(params, v); err != nil {
		return refuse(codeInvalidParams, "the parameters cannot be read: %v", err)
	}
	return nil
}
