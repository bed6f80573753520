package main

import (
	"context"
	"io"
)

// interruptible is a reader whose Read ends with ctx, also while the pipe behind it says
// nothing: ctrl+c has to end an import of one. The read that hangs is left to the end of the
// process.
func interruptible(ctx context.Context, from io.Reader) io.Reader {
	r := &interruptedReader{ctx: ctx, chunks: make(chan chunk)}
	go func() {
		for {
			c := chunk{data: make([]byte, 64<<10)}
			var n int
			n, c.err = from.Read(c.data)
			c.data = c.data[:n]
			select {
			case r.chunks <- c:
			case <-ctx.Done():
				return
			}
			if c.err != nil {
				return
			}
		}
	}()
	return r
}

type chunk struct {
	data []byte
	err  error
}

type interruptedReader struct {
	ctx    context.Context
	chunks chan chunk
	rest   chunk
}

func (r *interruptedReader) Read(p []byte) (int, error) {
	for len(r.rest.data) == 0 && r.rest.err == nil {
		select {
		case r.rest = <-r.chunks:
		case <-r.ctx.Done():
			r.rest.err = r.ctx.Err()
		}
	}
	n := copy(p, r.rest.data)
	if r.rest.data = r.rest.data[n:]; n == 0 {
		return 0, r.rest.err
	}
	return n, nil
}
