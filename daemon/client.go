package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"levee/daemon/journal"
)

// Client asks a process that serves a folder.
type Client struct {
	http   http.Client
	dir    *os.File
	health Health
}

// FindServer returns a client of the process that serves a folder in which path lies; the error is a *StartError when there is none.
func FindServer(ctx context.Context, cfg Config, path string) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	sockets, err := journal.Sockets(cfg.StateDir)
	if err != nil {
		return nil, err
	}
	for _, socket := range sockets {
		c, err := dial(ctx, socket)
		if err != nil { // its process is gone, or goes
			continue
		}
		if _, ok := below(c.health.Served, path); ok {
			return c, nil
		}
		c.Close()
	}
	return nil, &StartError{fmt.Errorf("no levee serves the folder of %s with the history in %s: start levee serve %s", path, cfg.StateDir, filepath.Dir(path))}
}

func dial(ctx context.Context, socket string) (*Client, error) {
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return nil, err
	}
	c := &Client{dir: dir}
	name := inDir(dir, socket)
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", name)
	}}
	if err := c.ask(ctx, http.MethodGet, "/health", nil, &c.health); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close lets go of the connection.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.dir.Close()
}

// Submit asks for a run. When it returns, the run is in the history.
func (c *Client) Submit(ctx context.Context, q RunRequest) (got RunAnswer, err error) {
	err = c.ask(ctx, http.MethodPost, "/runs", q, &got)
	return got, err
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

func (c *Client) ask(ctx context.Context, method, path string, body, into any) error {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://levee"+path, &text)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	reader := io.LimitReader(res.Body, maxAnswer)
	if res.StatusCode != http.StatusOK {
		var no struct{ Error string }
		if err := json.NewDecoder(reader).Decode(&no); err != nil {
			return fmt.Errorf("levee serve answers %s", res.Status)
		}
		return errors.New(no.Error)
	}
	return json.NewDecoder(reader).Decode(into)
}
