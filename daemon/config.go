package daemon

import (
	"cmp"
	"fmt"
	"log/slog"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/adrg/xdg"

	"levee/runtime"
)

// Config is what an operator decides. The zero value of a field means what its comment says.
type Config struct {
	StateDir  string            // runs and their history; "": $XDG_STATE_HOME/levee
	CacheDir  string            // results and native code, may be deleted; "": $XDG_CACHE_HOME/levee
	NodeDirs  []string          // folders of registered modules, searched before the core pack
	Workers   int               // nodes that run at the same time; 0: one per CPU
	CacheMax  int64             // bytes of results to keep; 0: 10 GiB
	Runs      int               // runs of a served folder that go on at the same time; 0: 8
	KeepRuns  time.Duration     // age at which ended runs are forgotten; 0: 90 days
	Isolation runtime.Isolation // how nodes are held; the zero value is the full sandbox
	Ceiling   Ceiling
	Devices   map[string]int // devices that are declared to be there, with how many nodes each takes at once
	// Map names the modules that stand for node types of foreign files, by type.
	Map map[string]string
	// SharedFiles also takes files that their group or everybody may write.
	SharedFiles bool
	Log         *slog.Logger // nil: slog.Default()
}

// Ceiling is the most that any workflow may be granted, whatever it asks for. Folders are relative to the folder that is
// served (or, for a single run, to the workflow's own folder).
type Ceiling struct {
	Read, Write []string      // nil: the whole folder; empty, not nil: nothing
	Memory      int64         // bytes for one invocation; 0: 1 GiB
	Time        time.Duration // for one invocation; 0: 1 hour
	GPU         int64         // bytes of tensors for one invocation, on a GPU or not; 0: 4 GiB
}

// What an invocation gets when neither node nor workflow says otherwise.
const (
	defaultMemory = 256 << 20
	defaultTime   = 2 * time.Minute
	defaultGPU    = 1 << 30
	maxOutput     = 1 << 30
	maxLog        = 64 << 10
)

// defaultRuns is how many runs go on at a time when nobody says otherwise: enough that one which waits, for a person's file or for its
// one slow node, does not leave the workers idle; few enough that each gets on.
const defaultRuns = 8

// MostAtOnce is how many nodes, or runs, may go on at the same time.
const MostAtOnce = 4096

func (c Config) withDefaults() (Config, error) {
	c.StateDir = cmp.Or(c.StateDir, filepath.Join(xdg.StateHome, "levee"))
	c.CacheDir = cmp.Or(c.CacheDir, filepath.Join(xdg.CacheHome, "levee"))
	c.Workers = cmp.Or(c.Workers, goruntime.NumCPU())
	c.Runs = cmp.Or(c.Runs, defaultRuns)
	for _, most := range []struct {
		n    int
		what string
	}{{c.Workers, "workers"}, {c.Runs, "runs at a time"}} {
		if most.n < 1 || most.n > MostAtOnce {
			return c, fmt.Errorf("%d %s: between 1 and %d", most.n, most.what, MostAtOnce)
		}
	}
	c.CacheMax = cmp.Or(c.CacheMax, 10<<30)
	c.KeepRuns = cmp.Or(c.KeepRuns, 90*24*time.Hour)
	top := &c.Ceiling
	for _, dirs := range []*[]string{&top.Read, &top.Write} {
		if *dirs == nil {
			*dirs = []string{"."}
		}
	}
	top.Memory = cmp.Or(top.Memory, 1<<30)
	top.GPU = cmp.Or(top.GPU, 4<<30)
	top.Time = cmp.Or(top.Time, time.Hour)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	for _, dir := range []*string{&c.StateDir, &c.CacheDir} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return c, err
		}
		*dir = abs
	}
	return c, nil
}

// Paths are the places where a daemon keeps things.
type Paths struct {
	State  string `json:"state"`
	Cache  string `json:"cache"`
	Native string `json:"native"`
}

// Paths resolves the folders of a configuration without touching them.
func (c Config) Paths() (Paths, error) {
	c, err := c.withDefaults()
	return c.paths(), err
}

func (c Config) paths() Paths {
	return Paths{State: c.StateDir, Cache: c.CacheDir, Native: filepath.Join(c.CacheDir, "native")}
}
