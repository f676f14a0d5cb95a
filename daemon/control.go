package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"levee/daemon/journal"
)

// A process that serves a folder can be asked for runs by HTTP on a socket in the history's folder: by programs of its own user, and of
// root. What is asked for is in the history before it is answered.

const (
	maxRequest   = 16 << 20 // bytes of a request
	cancelAnswer = 800 * time.Millisecond
	patience     = 30 * time.Second // for who does not read what they asked for
	hangUp       = time.Second      // for those who follow a run when the process ends
)

// Health says who listens.
type Health struct {
	PID     int    `json:"pid"`
	Served  string `json:"served"` // folder
	Running int    `json:"running"`
}

// listen answers those who ask until hang is called.
func (f *folder) listen() (hang func(), err error) {
	path := f.d.journal.Socket()
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	// Linux gives the file the mode of the socket: there is no moment in which it has another.
	own := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmod error
		err := c.Control(func(fd uintptr) { chmod = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, chmod)
	}}
	l, err := own.Listen(context.Background(), "unix", inDir(dir, path))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), dir.Close())
	}
	server := &http.Server{Handler: f.control(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: patience, MaxHeaderBytes: 16 << 10, ErrorLog: nil}
	go server.Serve(ownPeople{l})
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangUp)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
		dir.Close()
	}, nil
}

// inDir is a name of a file in an open folder that fits into the address of a socket, however long the folder's own is.
func inDir(dir *os.File, path string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
}

// ownPeople takes connections of this user and of root alone.
type ownPeople struct{ net.Listener }

func (l ownPeople) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || ofOwnUser(conn) {
			return conn, err
		}
		conn.Close()
	}
}

func ofOwnUser(conn net.Conn) bool {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var peer *unix.Ucred
	if raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return false
	}
	return peer.Uid == 0 || int(peer.Uid) == os.Geteuid()
}

// control is what can be asked for.
func (f *folder) control() http.Handler {
	d := f.d
	h := &History{Journal: d.journal, Cache: d.cache}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, Health{PID: os.Getpid(), Served: f.root, Running: d.queue.begun()}, nil)
	})
	mux.HandleFunc("POST /runs", func(w http.ResponseWriter, r *http.Request) {
		got, err := f.asked(r.Context(), http.MaxBytesReader(w, r.Body, maxRequest))
		answer(w, got, err)
	})
	mux.HandleFunc("POST /runs/{run}/cancel", func(w http.ResponseWriter, r *http.Request) {
		rec, err := endRun(r.Context(), d.journal, r.PathValue("run"), cancelAnswer, d.stopper.poke)
		answer(w, RunAnswer{Run: rec.ID, Status: rec.Status}, err)
	})
	mux.HandleFunc("GET /runs", func(w http.ResponseWriter, r *http.Request) {
		list, err := h.listed(r)
		answer(w, map[string]any{"runs": list}, err)
	})
	mux.HandleFunc("GET /runs/{run}", func(w http.ResponseWriter, r *http.Request) {
		rec, err := h.Run(r.Context(), r.PathValue("run"))
		if err != nil {
			answer(w, nil, err)
			return
		}
		now, err := h.Now(r.Context(), rec)
		answer(w, now, err)
	})
	mux.HandleFunc("GET /runs/{run}/messages", h.serveMessages)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, nil, fmt.Errorf("%w: %s %s", errNoRequest, r.Method, Clip(Printable(r.URL.Path), 100)))
	})
	return mux
}

// asked takes a request for a run, in levee's form or as a RunJobRequest.
func (f *folder) asked(ctx context.Context, body io.Reader) (RunAnswer, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return RunAnswer{}, refuse("the request cannot be read: %v", err)
	}
	if job, ok := jobRequestIn(text); ok {
		return f.submitJob(ctx, &job, text)
	}
	q, err := readRunRequest(text)
	if err != nil {
		return RunAnswer{}, err
	}
	return f.submit(ctx, q)
}

// answer writes what somebody asked for, or why there is nothing.
func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(statusCode(err))
		v = map[string]string{"error": err.Error()}
	}
	json.NewEncoder(w).Encode(v)
}

var errNoRequest = errors.New("there is no such request")

func statusCode(err error) int {
	var ask *AskError
	var none *journal.NotFoundError
	var ended *ResumeError
	var denied *DeniedError
	switch {
	case errors.As(err, &ask):
		return http.StatusBadRequest
	case errors.As(err, &none), errors.Is(err, errNoRequest):
		return http.StatusNotFound
	case errors.As(err, &ended):
		return http.StatusConflict
	case errors.As(err, &denied):
		return http.StatusForbidden
	case errors.Is(err, journal.ErrFull):
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}

// PlacedRun is a run with its place in the queue.
type PlacedRun struct {
	journal.Run
	Position int `json:"queue_position,omitempty"`
}

// Placed adds the places of runs in the queue.
func (h *History) Placed(ctx context.Context, runs []journal.Run) ([]PlacedRun, error) {
	queue, err := h.Queue(ctx)
	if err != nil {
		return nil, err
	}
	place, list := places(queue), make([]PlacedRun, len(runs))
	for i, r := range runs {
		list[i] = PlacedRun{r, place[r.ID]}
	}
	return list, nil
}

// RunNow is a run, with its place while it is in the queue and with how far it is.
type RunNow struct {
	PlacedRun
	State
}

// Now adds to a run what it is about now.
func (h *History) Now(ctx context.Context, run journal.Run) (RunNow, error) {
	placed := []PlacedRun{{Run: run}}
	if run.Status == journal.Queued {
		var err error
		if placed, err = h.Placed(ctx, []journal.Run{run}); err != nil {
			return RunNow{}, err
		}
	}
	state, err := h.State(ctx, &run)
	return RunNow{placed[0], state}, err
}

// listMost is how many runs are listed when nobody says otherwise.
const listMost = 100

func (h *History) listed(r *http.Request) ([]PlacedRun, error) {
	filter := journal.Filter{Last: listMost}
	q := r.URL.Query()
	if text := q.Get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, refuse("last=%s: a number", Clip(Printable(text), 20))
		}
		filter.Last = n
	}
	for _, s := range q["status"] {
		filter.Status = append(filter.Status, journal.Status(s))
	}
	runs, err := h.Runs(r.Context(), filter)
	if err != nil {
		return nil, err
	}
	return h.Placed(r.Context(), runs)
}

// serveMessages writes the messages of a run, a line each, and with follow=1 those that are still to come. Who does not read is hung up
// on: the run does not know.
func (h *History) serveMessages(w http.ResponseWriter, r *http.Request) {
	var after int64
	q := r.URL.Query()
	if text := q.Get("after"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			answer(w, nil, refuse("after=%s: a number", Clip(Printable(text), 20)))
			return
		}
		after = n
	}
	rec, err := h.Run(r.Context(), r.PathValue("run"))
	if err != nil {
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/jsonl")
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out, line := http.NewResponseController(w), json.NewEncoder(w)
	line.SetEscapeHTML(false)
	_ = h.Messages(ctx, rec.ID, after, q.Get("follow") == "1", func(e journal.Event) {
		_ = out.SetWriteDeadline(time.Now().Add(patience))
		if line.Encode(e) != nil || out.Flush() != nil {
			cancel()
		}
	})
}
