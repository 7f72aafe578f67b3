package webhook

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
)

// errTooLarge is a body over the limit.
var errTooLarge = errors.New("body over the limit")

// keptBuffer is the largest buffer that goes back into the pool; a rare big
// body must not stay in memory for good.
const keptBuffer = 64 << 10

// buffers lends out body buffers.
type buffers struct {
	pool sync.Pool
	max  int64
}

func (b *buffers) borrow() *bytes.Buffer {
	if buf, ok := b.pool.Get().(*bytes.Buffer); ok {
		return buf
	}
	return bytes.NewBuffer(make([]byte, 0, 2<<10))
}

func (b *buffers) giveBack(buf *bytes.Buffer) {
	if buf.Cap() <= keptBuffer {
		buf.Reset()
		b.pool.Put(buf)
	}
}

// read fills buf with the request's body. A body that says it is too large
// is refused unread. The size is not reserved ahead of the bytes, so that a
// false Content-Length costs no memory.
func (b *buffers) read(buf *bytes.Buffer, w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > b.max {
		return errTooLarge
	}
	body := r.Body
	if r.ContentLength < 0 { // else net/http ends it there
		body = http.MaxBytesReader(w, body, b.max)
	}
	_, err := buf.ReadFrom(body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errTooLarge
	}
	if err != nil {
		return io.ErrUnexpectedEOF // the cause may quote the network; it changes nothing
	}
	return nil
}
