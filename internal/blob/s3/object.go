package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"

	"github.com/reifyhq/reify/internal/blob"
)

// Open opens an object; see blob.Store. What is read in order comes from one answer of the service. A seek begins another
// one, which fails when the object was replaced since.
func (s *Store) Open(ctx context.Context, key string) (blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return nil, err
	}
	// An object stays open for longer than the call that opened it.
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	body, info, _, err := s.client.GetObject(reading, s.bucket, s.prefix+key, minio.GetObjectOptions{})
	switch {
	case isMissing(err):
		cancel()
		return nil, blob.Missing(key)
	case err != nil:
		cancel()
		return nil, fmt.Errorf("open object %s: %w", key, err)
	}
	return &object{
		store: s, ctx: reading, cancel: cancel, body: body, tag: info.ETag,
		info: blob.Info{Key: key, Size: info.Size, ModifiedAt: info.LastModified.UTC()},
	}, nil
}

// object is an object that is read from the service. Like a file it is for one reader at a time.
type object struct {
	store  *Store
	ctx    context.Context
	cancel context.CancelFunc
	info   blob.Info
	tag    string
	// body is the answer that is being read, nil after a seek; at is the place of the next byte in the object.
	body io.ReadCloser
	at   int64
}

// Info returns what is known of the object.
func (o *object) Info() blob.Info { return o.info }

// Read reads on from where the object is.
func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.info.Size {
		return 0, io.EOF
	}
	if o.body == nil {
		if err := o.fetch(); err != nil {
			return 0, err
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	if errors.Is(err, io.EOF) && o.at < o.info.Size {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (o *object) fetch() error {
	var options minio.GetObjectOptions
	if err := errors.Join(options.SetRange(o.at, o.info.Size-1), options.SetMatchETag(o.tag)); err != nil {
		return fmt.Errorf("read object %s from byte %d: %w", o.info.Key, o.at, err)
	}
	body, _, _, err := o.store.client.GetObject(o.ctx, o.store.bucket, o.store.prefix+o.info.Key, options)
	if err != nil && minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
		return fmt.Errorf("read object %s from byte %d: it was replaced meanwhile; read it again", o.info.Key, o.at)
	}
	if err != nil {
		return fmt.Errorf("read object %s from byte %d: %w", o.info.Key, o.at, err)
	}
	o.body = body
	return nil
}

// Seek sets the place of the next byte.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.info.Size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek in object %s: there is no byte %d", o.info.Key, offset)
	}
	if offset == o.at {
		return offset, nil
	}
	o.at = offset
	if o.body == nil {
		return offset, nil
	}
	err := o.body.Close()
	o.body = nil
	return offset, err
}

// Close ends the reading.
func (o *object) Close() error {
	o.cancel()
	if o.body == nil {
		return nil
	}
	return o.body.Close()
}
