package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"levee/cache/sqlite"
	"levee/gpu/inventory"
	"levee/runtime"
)

// Finding is one thing that Examine looked at.
type Finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// What unattended work needs.
const (
	fewWatches = 8192
	lowSpace   = 256 << 20
)

// Examine looks at what the machine gives: the sandbox, by trying to break out of it, the engine, the disks, the limits.
func Examine(ctx context.Context, cfg Config) []Finding {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return []Finding{{Name: "configuration", Detail: err.Error()}}
	}
	list := examineSandbox(cfg)
	for _, dir := range []struct{ name, path string }{{"history", cfg.StateDir}, {"results", cfg.CacheDir}} {
		list = append(list, examineDir(dir.name, dir.path))
	}
	return append(list, examineWatches(), examineClock(), examineGPU(ctx), Finding{Name: "processors", OK: true, Detail: fmt.Sprintf("%d, %s/%s", goruntime.NumCPU(), goruntime.GOOS, goruntime.GOARCH)})
}

func examineSandbox(cfg Config) []Finding {
	dir, err := os.MkdirTemp("", "levee-doctor-")
	if err != nil {
		return []Finding{{Name: "sandbox", Detail: err.Error()}}
	}
	defer os.RemoveAll(dir)
	engine, err := runtime.New(runtime.Config{Dir: dir, Isolation: cfg.Isolation})
	var refused *runtime.SandboxError
	if err != nil && !errors.As(err, &refused) {
		return []Finding{{Name: "sandbox", Detail: err.Error()}}
	}
	var report runtime.SandboxReport
	list := []Finding{{Name: "sandbox", OK: err == nil}}
	if err != nil {
		report, list[0].Detail = refused.Report, refused.Error()
	} else {
		report = engine.Sandbox()
		defer engine.Close()
		list[0].Detail = fmt.Sprintf("isolation %s, Landlock ABI %d, seccomp %v", report.Isolation, report.Landlock, report.Seccomp)
	}
	for _, p := range report.Probes {
		list = append(list, Finding{Name: "worker cannot: " + p.Name, OK: p.Blocked, Detail: p.Detail})
	}
	return append(list, Finding{Name: "engine", OK: strings.Contains(report.Engine, "compiler"), Detail: report.Engine})
}

func examineDir(name, dir string) Finding {
	f := Finding{Name: name + " folder", Detail: dir}
	at := dir
	for { // the folder may not be there yet: ask about the one that it will be made in
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	if err := sqlite.Local(at); err != nil {
		f.Detail = err.Error()
		return f
	}
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		f.Detail = fmt.Sprintf("%s: %v", at, err)
		return f
	}
	free := int64(st.Bavail) * st.Bsize
	f.OK = free > lowSpace
	f.Detail = fmt.Sprintf("%s, %s free", dir, SizeText(free))
	return f
}

func examineWatches() Finding {
	f := Finding{Name: "inotify watches"}
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_user_watches")
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	f.OK = err == nil && n >= fewWatches
	f.Detail = fmt.Sprintf("%d folders can be watched (fs.inotify.max_user_watches); beyond that levee rescans", n)
	return f
}

// examineGPU finds nothing bad in a machine without a GPU: nodes run on its processors.
func examineGPU(ctx context.Context) Finding {
	r := inventory.New("/").Report(ctx)
	f := Finding{Name: "GPU", OK: r.Outcome == inventory.Present || r.Outcome == inventory.None, Detail: r.Reason}
	if r.Outcome == inventory.None {
		f.Detail = "none: " + r.Reason
	}
	var names []string
	for _, d := range r.Usable() {
		names = append(names, d.Label())
	}
	if len(names) > 0 {
		f.Detail = fmt.Sprintf("%s, driver %s", strings.Join(names, ", "), r.Driver)
	}
	return f
}

func examineClock() Finding {
	now := time.Now()
	return Finding{Name: "clock", OK: now.Year() >= 2025, Detail: now.Format(time.RFC3339)}
}
