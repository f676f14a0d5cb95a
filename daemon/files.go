package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"levee/cache"
	"levee/graph"
	"levee/graph/value"
	"levee/nodes"
	"levee/runtime"
	"levee/watch"
)

// The operations that an invocation can be seen to do. A result is good only while each of them would give the same digest.
const (
	opRead  = "read"  // of one file; the zero digest: it was not there
	opList  = "list"  // of a glob; the digest of the list's encoding
	opWrite = "write" // of one file: what it held afterwards
)

// fileAccess serves the file functions of one invocation below the workflow's folder, within its grants, and notes what it did.
type fileAccess struct {
	run  *Run
	path string // of the invocation
	typ  nodeType

	mu    sync.Mutex
	seen  []cache.Observation        // guarded by mu
	once  map[cache.Observation]bool // guarded by mu: those of seen
	odd   bool                       // guarded by mu: something went wrong that may go well the next time
	clash error                      // guarded by mu: it wanted to write over what another node has written

	held share
}

// maxObservations bounds what the daemon remembers of what a guest looked at, however often it asks.
const maxObservations = 20_000

func (c *invocation) fileAccess() *fileAccess {
	return &fileAccess{run: c.run, path: c.Path, typ: c.typ, held: share{all: &c.run.daemon.held, what: "the files that one call opens"}}
}

// functions are what the engine links: those that some node type of the module wants. One module may hold node types that
// want less than others; these may import, but a call is denied.
func (a *fileAccess) functions() *runtime.Files {
	reads, writes := a.typ.moduleWants(nodes.WantRead), a.typ.moduleWants(nodes.WantWrite)
	if !reads && !writes {
		return nil
	}
	f := &runtime.Files{}
	if reads {
		f.Read, f.List = a.read, a.list
	}
	if writes {
		f.Write = a.write
	}
	return f
}

// denied is the answer to a node type whose manifest does not want what it tries.
func (a *fileAccess) denied(want string) error {
	if a.typ.wantsTo(want) {
		return nil
	}
	return fmt.Errorf("%s does not want to %s files (its manifest says so)", a.typ.FullName, want)
}

// note remembers an operation. A file that gave two contents while the invocation ran is there with both: such a result is
// never found again, since no file has both.
func (a *fileAccess) note(op, arg string, d value.Digest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := cache.Observation{Op: op, Path: arg, Digest: d}
	if a.once[o] {
		return nil
	}
	if len(a.seen) >= maxObservations {
		a.odd = true
		return fmt.Errorf("an invocation may look at %d files, lists and versions of them at most", maxObservations)
	}
	if a.once == nil {
		a.once = make(map[cache.Observation]bool)
	}
	a.once[o] = true
	a.seen = append(a.seen, o)
	return nil
}

// refuse remembers that something was not granted, which other grants change.
func (a *fileAccess) refuse(op, arg string, err error) error {
	return cmp.Or(a.note(op, arg, denied), err)
}

// fault remembers that a file function failed for a reason that observations do not tell: a guest that goes on all the same
// gives a result that is good for this once.
func (a *fileAccess) fault(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.odd = true
	return err
}

// end says what the invocation saw and did, and whether that is all that its result depends on; the error ends it.
func (a *fileAccess) end() (seen []cache.Observation, whole bool, err error) {
	a.held.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.seen), !a.odd, a.clash
}

// read returns the sealed content of a file.
func (a *fileAccess) read(ctx context.Context, name string) (*os.File, int64, error) {
	if err := a.denied(nodes.WantRead); err != nil {
		return nil, 0, err // whatever the workflow grants
	}
	if err := a.run.mayRead(name); err != nil {
		return nil, 0, a.refuse(opRead, name, err)
	}
	f, size, digest, err := a.run.seal(ctx, name, a.held.take)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, cmp.Or(a.note(opRead, name, value.Digest{}), err)
	}
	if err != nil {
		return nil, 0, a.fault(err)
	}
	if err := a.note(opRead, name, digest); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

// list returns the files that match a glob.
func (a *fileAccess) list(_ context.Context, glob string) ([]string, error) {
	if err := a.denied(nodes.WantRead); err != nil {
		return nil, err
	}
	if err := a.run.mayList(glob); err != nil {
		return nil, a.refuse(opList, glob, err)
	}
	names, err := a.run.dir.Glob(glob, 0)
	if err != nil {
		return nil, a.fault(err)
	}
	return names, a.note(opList, glob, listDigest(names))
}

// write makes a file hold data; a file that already does is left alone.
func (a *fileAccess) write(ctx context.Context, name string, data *os.File, size int64) error {
	if err := a.denied(nodes.WantWrite); err != nil {
		return err
	}
	if err := a.run.mayWrite(name); err != nil {
		return a.refuse(opWrite, name, err)
	}
	open := func() io.Reader { return whileWanted{ctx, io.NewSectionReader(data, 0, size)} }
	digest, _, err := value.SumReader(open())
	if err == nil {
		err = a.claim(name, digest)
	}
	if err == nil {
		_, err = a.run.replace(name, open, size)
	}
	if err != nil {
		return a.fault(err)
	}
	return a.note(opWrite, name, digest)
}

// claim remembers a refusal: the invocation fails with it whatever the guest makes of it.
func (a *fileAccess) claim(name string, digest value.Digest) error {
	err := a.run.claim(a.path, content{name, digest})
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.clash = err
	}
	return err
}

func (r *Run) mayRead(name string) error {
	if err := watch.CheckPath(name); err != nil {
		return err
	}
	if !within(name, r.grants.Read) {
		return fmt.Errorf("reading %q is not granted (the workflow allows read: %q)", name, r.grants.Read)
	}
	return nil
}

func (r *Run) mayList(glob string) error {
	if err := watch.CheckPattern(glob); err != nil {
		return err
	}
	if !within(globDir(glob), r.grants.Read) {
		return fmt.Errorf("listing %q is not granted (the workflow allows read: %q)", glob, r.grants.Read)
	}
	return nil
}

func (r *Run) mayWrite(name string) error {
	if err := watch.CheckPath(name); err != nil {
		return err
	}
	if !within(name, r.grants.Write) {
		return fmt.Errorf("writing %q is not granted (the workflow allows write: %q)", name, r.grants.Write)
	}
	if strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return fmt.Errorf("writing %q is not granted: hidden files and folders cannot be written", name)
	}
	if like := folded(name); graph.IsWorkflow(like) || isModule(like) {
		return fmt.Errorf("writing %q is not granted: it would be a workflow or a module, with grants of its own", name)
	}
	return nil
}

// folded is a name as a file system may see it that knows no case, or no points and spaces at the end of a name.
func folded(name string) string {
	return strings.TrimRight(strings.ToLower(strings.ToUpper(name)), ". ") // upper first: some letters are small in two ways
}

// isModule reports whether a workflow could use the file as a module, or as a module's sidecar.
func isModule(name string) bool {
	return path.Ext(name) == ".wasm" || strings.HasSuffix(name, ".wasm.json")
}

func listDigest(names []string) value.Digest {
	items := make([][]byte, len(names))
	for i, n := range names {
		items[i] = []byte(n)
	}
	return value.Sum(value.EncodeList(items))
}

// observeNow says what the operations of a stored result would give now. What is no longer granted gives another digest.
func (r *Run) observeNow(seen []cache.Observation) ([]cache.Observation, error) {
	now := make([]cache.Observation, len(seen))
	for i, o := range seen {
		now[i] = cache.Observation{Op: o.Op, Path: o.Path, Digest: r.lookAt(o)}
	}
	return now, nil
}

// denied stands for what is not granted.
var denied = value.Sum([]byte("denied"))

func (r *Run) lookAt(o cache.Observation) value.Digest {
	switch o.Op {
	case opRead, opWrite:
		may := r.mayRead
		if o.Op == opWrite {
			may = r.mayWrite
		}
		if may(o.Path) != nil {
			return denied
		}
		digest, _, err := r.daemon.fileDigest(context.Background(), r.dir, o.Path)
		if err != nil {
			return value.Digest{}
		}
		return digest
	case opList:
		if r.mayList(o.Path) != nil {
			return denied
		}
		if names, err := r.dir.Glob(o.Path, 0); err == nil {
			return listDigest(names)
		}
	}
	return denied
}

// digestMemo remembers the digests of files whose signature did not change since: hashing a folder of photographs again for
// every batch would cost more than the batch.
type digestMemo struct {
	mu   sync.Mutex
	seen map[watch.Signature]value.Digest // guarded by mu
}

const memoMax = 100_000

// fileDigest names the content of a file as it is now.
func (d *Daemon) fileDigest(ctx context.Context, dir *watch.Dir, name string) (value.Digest, int64, error) {
	return d.settledDigest(ctx, dir, name, watch.Signature{})
}

var errUnsettled = errors.New("the file changed again")

// settledDigest is fileDigest for a file that must still look as it did when it had settled; the zero signature is any look.
func (d *Daemon) settledDigest(ctx context.Context, dir *watch.Dir, name string, want watch.Signature) (value.Digest, int64, error) {
	f, info, err := dir.Open(name, maxFile)
	if err != nil {
		return value.Digest{}, 0, err
	}
	defer f.Close()
	sig := watch.SignatureOf(info)
	if want != (watch.Signature{}) && sig != want {
		return value.Digest{}, 0, errUnsettled
	}
	m := &d.digests
	m.mu.Lock()
	digest, ok := m.seen[sig]
	m.mu.Unlock()
	if ok {
		return digest, info.Size(), nil
	}
	digest, size, err := value.SumReader(whileWanted{ctx, f})
	if err != nil {
		return digest, size, err
	}
	after, err := f.Stat()
	if err != nil {
		return digest, size, err
	}
	if watch.SignatureOf(after) != sig {
		return digest, size, errUnsettled
	}
	if d.now().Sub(info.ModTime()) > clockTick {
		m.keep(sig, digest)
	}
	return digest, size, nil
}

// whileWanted reads until its context ends: nobody waits for a large file to be hashed, copied or written in vain.
type whileWanted struct {
	ctx context.Context
	io.Reader
}

func (r whileWanted) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// clockTick is after how long another change of a file is sure to give it another time stamp: file systems tick in steps of up
// to 10 ms, FAT in steps of 2 s.
const clockTick = 4 * time.Second

func (m *digestMemo) keep(sig watch.Signature, digest value.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.seen) >= memoMax || m.seen == nil {
		m.seen = make(map[watch.Signature]value.Digest)
	}
	m.seen[sig] = digest
}
