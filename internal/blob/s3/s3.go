// Package s3 keeps objects in a bucket of an S3-like service: the blob seam for several managers.
//
// An object's key, below the prefix of the address, is its key in the bucket. The service makes a Put whole or not at
// all; one that breaks off leaves the old object. Listing and deleting below a prefix is not one step: somebody who looks
// meanwhile may see a part. The package never makes buckets, never looks into objects and keeps nothing on disk.
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/reifyhq/reify/internal/blob"
	"github.com/reifyhq/reify/internal/fault"
)

var _ blob.Store = (*Store)(nil)

// partSize is how much of an object is held in memory while it is sent, in bytes. The service takes 10,000 parts, so that
// objects may have up to 80 GB.
const partSize = 8 << 20

// Store is a place in a bucket. It is safe for concurrent use.
type Store struct {
	client *minio.Core
	bucket string
	// prefix is "" or ends in a slash.
	prefix    string
	transport *http.Transport
}

// Open checks that the bucket of the address can be reached. The address is
//
//	s3://[ACCESS_KEY:SECRET_KEY@]HOST[:PORT]/BUCKET[/PREFIX][?region=REGION&insecure=true]
//
// Without keys in it they come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), the AWS configuration file
// or the instance's role. insecure=true means plain HTTP.
func Open(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The text of a parse error repeats the address, which may hold a secret.
		return nil, errors.New("the address of the blob store is not a URL; write s3://HOST/BUCKET")
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if u.Scheme != "s3" || u.Host == "" || bucket == "" {
		return nil, fmt.Errorf("the address of the blob store %s is not complete; write s3://HOST/BUCKET", u.Redacted())
	}
	if prefix != "" {
		if err := blob.CheckKey(prefix); err != nil {
			return nil, fmt.Errorf("the prefix in the address of the blob store: %w", err)
		}
		prefix += "/"
	}
	transport, err := minio.DefaultTransport(u.Query().Get("insecure") != "true")
	if err != nil {
		return nil, fmt.Errorf("prepare connections to the blob store: %w", err)
	}
	core, err := minio.NewCore(u.Host, &minio.Options{
		Creds: keys(u.User), Secure: u.Query().Get("insecure") != "true", Region: u.Query().Get("region"), Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the client of the blob store %s: %w", u.Redacted(), err)
	}
	s := &Store{client: core, bucket: bucket, prefix: prefix, transport: transport}
	found, err := core.BucketExists(ctx, bucket)
	switch {
	case err != nil:
		s.Close()
		return nil, fmt.Errorf("reach the blob store %s: %w", u.Redacted(), err)
	case !found:
		s.Close()
		return nil, fmt.Errorf("there is no bucket %q at %s; make it first", bucket, u.Host)
	}
	return s, nil
}

func keys(user *url.Userinfo) *credentials.Credentials {
	if user != nil {
		secret, _ := user.Password()
		return credentials.NewStaticV4(user.Username(), secret, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

// Close ends the idle connections. It never fails.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// isMissing reports whether the service says that there is no such object.
func isMissing(err error) bool {
	if err == nil {
		return false
	}
	// Answers about one of several objects have no status of their own.
	r := minio.ToErrorResponse(err)
	return r.StatusCode == http.StatusNotFound || r.Code == minio.NoSuchKey
}

// Put stores r; see blob.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) (blob.Info, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Info{}, err
	}
	sent, err := s.send(ctx, s.prefix+key, &contextReader{ctx, r})
	if err != nil {
		return blob.Info{}, fmt.Errorf("put object %s: %w", key, err)
	}
	// Only a look at the object tells when the service says it was stored; somebody may have removed it since.
	info, err := s.Stat(ctx, key)
	if fault.Is(err, fault.NotFound) {
		return blob.Info{Key: key, Size: sent.Size, ModifiedAt: sent.LastModified.UTC()}, nil
	}
	return info, err
}

// send stores a small object in one request and a large one in parts.
func (s *Store) send(ctx context.Context, name string, r io.Reader) (minio.UploadInfo, error) {
	first := make([]byte, partSize)
	n, err := io.ReadFull(r, first)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && atEnd(r):
		return s.sendSmall(ctx, name, first[:n])
	case err != nil:
		return minio.UploadInfo{}, err
	}
	return s.client.Client.PutObject(ctx, s.bucket, name, io.MultiReader(bytes.NewReader(first), r), -1,
		minio.PutObjectOptions{PartSize: partSize})
}

// conflicts is how often a small object is sent when the service says that something else happened to its key meanwhile.
const conflicts = 5

func (s *Store) sendSmall(ctx context.Context, name string, data []byte) (sent minio.UploadInfo, err error) {
	for range conflicts {
		sent, err = s.client.Client.PutObject(ctx, s.bucket, name, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
		if err == nil || minio.ToErrorResponse(err).StatusCode != http.StatusConflict {
			break
		}
	}
	return sent, err
}

// atEnd tells the end of r from a reader that broke with io.ErrUnexpectedEOF itself, which ReadFull reports alike.
func atEnd(r io.Reader) bool {
	n, err := r.Read(make([]byte, 1))
	return n == 0 && errors.Is(err, io.EOF)
}

// Stat returns what is known of an object; see blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Info{}, err
	}
	o, err := s.client.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	switch {
	case isMissing(err):
		return blob.Info{}, blob.Missing(key)
	case err != nil:
		return blob.Info{}, fmt.Errorf("look at object %s: %w", key, err)
	}
	return blob.Info{Key: key, Size: o.Size, ModifiedAt: o.LastModified.UTC()}, nil
}

// List returns the objects below a prefix; see blob.Store. The empty prefix stands for all objects.
func (s *Store) List(ctx context.Context, prefix string) ([]blob.Info, error) {
	if prefix != "" {
		if err := blob.CheckKey(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	list := []blob.Info{}
	for o := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, fmt.Errorf("list objects below %s: %w", prefix, o.Err)
		}
		// Some services show the directories that they keep below.
		if !strings.HasSuffix(o.Key, "/") {
			list = append(list, blob.Info{Key: strings.TrimPrefix(o.Key, s.prefix), Size: o.Size, ModifiedAt: o.LastModified.UTC()})
		}
	}
	slices.SortFunc(list, func(a, b blob.Info) int { return strings.Compare(a.Key, b.Key) })
	return list, ctx.Err()
}

// Delete removes an object; see blob.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	// The service does not say whether there was something to remove.
	if _, err := s.Stat(ctx, key); err != nil {
		return err
	}
	err := s.client.RemoveObject(ctx, s.bucket, s.prefix+key, minio.RemoveObjectOptions{})
	if err != nil && !isMissing(err) {
		return fmt.Errorf("delete object %s: %w", key, err)
	}
	return nil
}

// DeleteAll removes the objects below a prefix; see blob.Store. It may be repeated when it failed half way.
func (s *Store) DeleteAll(ctx context.Context, prefix string) error {
	if err := blob.CheckKey(prefix); err != nil {
		return err
	}
	list, err := s.List(ctx, prefix)
	if err != nil || len(list) == 0 {
		return err
	}
	doomed := func(yield func(minio.ObjectInfo) bool) {
		for _, o := range list {
			if !yield(minio.ObjectInfo{Key: s.prefix + o.Key}) {
				return
			}
		}
	}
	results, err := s.client.RemoveObjectsWithIter(ctx, s.bucket, doomed, minio.RemoveObjectsOptions{})
	if err != nil {
		return fmt.Errorf("delete objects below %s: %w", prefix, err)
	}
	for r := range results {
		if r.Err != nil && !isMissing(r.Err) {
			err = errors.Join(err, fmt.Errorf("delete object %s: %w", path.Join(prefix, r.ObjectName), r.Err))
		}
	}
	return err
}

// contextReader ends an upload when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
