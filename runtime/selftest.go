//go:build linux

package runtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/elastic/go-seccomp-bpf"
)

// emptyModule is the smallest module: nothing but its header.
var emptyModule = []byte("\x00asm\x01\x00\x00\x00")

// selfTest starts a worker, has it compile the empty module behind its walls, and lets it try to break out.
func (e *Engine) selfTest() error {
	e.sandbox = SandboxReport{Isolation: e.cfg.Isolation, Landlock: landlockABI(), Seccomp: seccomp.Supported(),
		Engine: engineName()}
	var missing []string
	if e.sandbox.Landlock == 0 {
		missing = append(missing, "Landlock is not there (Linux 5.13 or newer, with landlock among the active security modules)")
	}
	if !e.sandbox.Seccomp {
		missing = append(missing, "seccomp is not there (or the service unit forbids it)")
	}
	if len(missing) > 0 && e.cfg.Isolation != IsolationWeak {
		return &SandboxError{Missing: missing, Report: e.sandbox}
	}
	probes, err := e.probe()
	if err != nil {
		return fmt.Errorf("self-test of the sandbox: %w", err)
	}
	e.sandbox.Probes = probes
	for _, p := range probes {
		if !p.Blocked {
			missing = append(missing, fmt.Sprintf("a worker could %s (%s)", p.Name, p.Detail))
		}
	}
	if len(missing) > 0 && e.cfg.Isolation != IsolationWeak {
		return &SandboxError{Missing: missing, Report: e.sandbox}
	}
	return nil
}

func (e *Engine) probe() ([]Probe, error) {
	w, err := e.spawn()
	if err != nil {
		return nil, err
	}
	defer func() {
		w.kill(&killReason{})
		<-w.gone
	}()
	mod, err := NewModule("self-test", emptyModule, nil)
	if err != nil {
		return nil, err
	}
	staging, err := e.native.stage()
	if err != nil {
		return nil, err
	}
	defer e.native.discard(staging)
	m := loadMsg{size: int64(len(mod.code)), dir: staging, compile: true, weak: e.cfg.Isolation == IsolationWeak}
	if err := e.sendLoad(w, &m, mod.code); err != nil {
		return nil, err
	}
	answer, err := e.awaitLoad(w, true, e.compileTime(len(mod.code)))
	if err != nil {
		return nil, err
	}
	if answer.code != "" {
		return nil, errors.New(answer.detail)
	}
	w.expect.Store(uint32(frameProbed))
	raw, start := beginFrame(nil, frameProbe)
	w.post(outFrame{raw: endFrame(raw, start, 0), fd: -1})
	w.flush()
	timeout := time.NewTimer(helloTime)
	defer timeout.Stop()
	select {
	case ps := <-w.probed:
		return ps, nil
	case <-w.gone:
		return nil, errors.New("the worker died: " + w.words)
	case <-timeout.C:
		return nil, errors.New("the worker did not answer")
	}
}
