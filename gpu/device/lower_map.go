package device

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"levee/gpu/cuda"
	"levee/gpu/kernel"
	"levee/gpu/op"
)

func lowerCopy(l *lower, _ *op.Op) error {
	return l.copy(l.out[0].at, l.in[0].at, l.out[0].Bytes())
}

// mapKernel is a kernel of a session.
type mapKernel struct {
	*kernel.Func
	key     [sha256.Size]byte
	called  string                                    // for people
	inlines map[op.DType]func(register string) string // by what was asked for; see kernel.Func.Inline
}

// inline is Inline, done once.
func (k *mapKernel) inline(via op.DType) func(register string) string {
	code, known := k.inlines[via]
	if !known {
		code = k.Inline(via)
		k.inlines[via] = code
	}
	return code
}

// mapKey names code: a function, and the types of the tensors that it was made for.
type mapKey struct {
	function [sha256.Size]byte
	types    string
}

const (
	// maxMaps is how many kernels of nodes are loaded, one for each types of its tensors, before a graph has all unloaded: each takes memory of
	// the device that no quota counts.
	maxMaps = 512
	// launchTime is what one launch may take by estimate: other sessions, and what else the device shows, get their turn in between.
	launchTime = 50 * time.Millisecond
	// waveTime is what a launch of a kernel with loops of which nothing is known is thought to take: a twentieth of its fuel.
	waveTime = 5 * time.Millisecond
	// maxMarks bounds how many places within a map are looked at to see whether it goes on.
	maxMarks = 256
	// mapThreads of a block, and mapBlocks of a multiprocessor at most: the fastest on an H200.
	mapThreads = 128
	mapBlocks  = 128
)

// Kernel takes an exported function of a module as a kernel.
func (s *Session) Kernel(module []byte, export string) (op.Handle, error) {
	if err := s.oneMore(); err != nil {
		return 0, err
	}
	f, err := kernel.Parse(module, export)
	if err != nil {
		return 0, err
	}
	h := s.objects.Add(object{kernel: &mapKernel{f, f.Key(), "", map[op.DType]func(string) string{}}})
	s.NameKernel(h, export)
	return h, nil
}

// NameKernel says what errors call a kernel.
func (s *Session) NameKernel(h op.Handle, name string) {
	if o, ok := s.objects.Get(h); ok && o.kernel != nil {
		o.kernel.called = fmt.Sprintf("kernel %.80q", name)
	}
}

func (s *Session) signature(h op.Handle) (op.Signature, bool) {
	o, ok := s.objects.Get(h)
	if !ok || o.kernel == nil {
		return op.Signature{}, false
	}
	return o.kernel.Signature(), true
}

// unloadMaps forgets the code of nodes' kernels when there is too much of it.
func (d *Device) unloadMaps() error {
	n := d.maps.len()
	if n < maxMaps {
		return nil
	}
	// Somebody who puts a graph into a stream holds the lock for as long as the device is busy, and to wait in Lock would keep out the
	// graphs of all others meanwhile: so it is asked for now and then.
	for tries := 0; !d.code.TryLock(); tries++ {
		if n < 2*maxMaps {
			return nil
		}
		if tries == 1000 {
			return op.Errorf(op.OverBudget, "%d kernels are loaded, and none can be unloaded while a long graph is submitted", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	defer d.code.Unlock()
	return errors.Join(d.Synchronize(), d.maps.unload(d))
}

// mapCode gives the code of a kernel for tensors of these types.
func (d *Device) mapCode(k *mapKernel, t kernel.Types) (*function, error) {
	return d.maps.get(mapKey{k.key, typesKey(t)}, func() (*function, error) {
		ptx, err := k.PTX(t)
		if err != nil {
			return nil, err
		}
		return d.compile(ptx, "kernel", k.called)
	})
}

func typesKey(t kernel.Types) string {
	var key []byte
	for i, d := range t.In {
		one := byte(0)
		if t.One[i] {
			one = 0x80
		}
		key = append(key, byte(d)|one)
	}
	key = append(key, 0)
	for _, d := range t.Out {
		key = append(key, byte(d))
	}
	return string(key)
}

func lowerMap(l *lower, o *op.Op) error {
	named, _ := l.s.objects.Get(op.Handle(o.Params[0]))
	k := named.kernel
	sig := k.Signature()
	inputs, slots := l.in[:len(sig.Params)], l.in[len(sig.Params):]
	n := l.out[0].Elems()
	var types kernel.Types
	for _, t := range inputs {
		types.In = append(types.In, t.DType)
		types.One = append(types.One, t.Elems() == 1 && n != 1)
	}
	for _, t := range l.out {
		types.Out = append(types.Out, t.DType)
	}
	code, err := l.dev.mapCode(k, types)
	if err != nil {
		return l.dev.fault(err)
	}
	word := cuda.Ptr(0)
	if k.Traps() {
		if word, err = l.trapWord(); err != nil {
			return err
		}
	}
	step := l.mapStep(k, code)
	m := looped{code, n, (n + step - 1) / step}
	each := launchTime / 2 // by what earlier ones took
	if step <= l.dev.wave() {
		each = waveTime
	}
	if k.Loops() {
		l.loops = append(l.loops, m)
		if m.steps == 1 {
			l.beyond += each
		}
	}
	for from := int64(0); from < n; from += step {
		args := l.args()
		for _, t := range inputs {
			args.Ptr(t.at)
		}
		for _, t := range slots {
			args.Ptr(t.at).I64(t.Elems())
		}
		for _, t := range l.out {
			args.Ptr(t.at)
		}
		to := min(n, from+step)
		args.I64(from).I64(to).Ptr(word)
		blocks := min((to-from+mapThreads-1)/mapThreads, int64(l.dev.sms)*mapBlocks)
		if err := l.launchFunction(code, dim{X: uint32(blocks)}, dim{X: mapThreads}, 0, args); err != nil {
			return err
		}
		if k.Loops() {
			l.progress(m, from/step+1, each)
		}
	}
	return nil
}

// progress marks a place behind so many launches of a map of several. However long the map takes, each of them has to end in time.
func (l *lower) progress(m looped, launches int64, each time.Duration) {
	every := (m.steps + maxMarks - 1) / maxMarks
	if m.steps == 1 || launches%every != 0 && launches != m.steps {
		return
	}
	first := uint32(0)
	if launches <= every {
		first = 1
	}
	l.list = append(l.list, command{kind: markProgress, n: every * int64(max(patience, slack*each)), v: first})
}

// mapStep is how many elements one launch takes.
func (l *lower) mapStep(k *mapKernel, code *function) int64 {
	if k.Loops() { // nobody knows how often
		return max(l.dev.wave(), code.fast.Load())
	}
	const many = 1 << 20
	c := op.Cost{Flops: min(k.Signature().Flops, 1<<40) * many}
	for _, list := range [2][]tensor{l.in, l.out} {
		for _, t := range list {
			c.Moved += t.DType.Size() * many
		}
	}
	return many * max(1, int64(launchTime/max(1, l.dev.Estimate(c))))
}

// wave is as many elements as run at once. Should each use up its fuel, they take about a tenth of a second.
func (d *Device) wave() int64 { return int64(d.sms) * 2048 }

// looped is a map of a kernel with loops in a graph.
type looped struct {
	code  *function
	n     int64 // elements
	steps int64 // launches
}

// took takes in how long the map took at most: the time since its graph was submitted.
func (m looped) took(most time.Duration) {
	switch most = max(most, time.Microsecond); {
	case most < launchTime:
		m.code.fast.Store(max(m.code.fast.Load(), min(8*m.n, m.n*int64(launchTime/most))))
	case most > 2*launchTime*time.Duration(m.steps):
		m.code.fast.Store(0)
	}
}
