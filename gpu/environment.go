package gpu

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// environment is a worker's: what the loader and the driver need to find their files, and no more.
func (p *Pool) environment(r Request) []string {
	env := []string{workerEnv + "=1", "CUDA_MODULE_LOADING=LAZY"}
	for _, name := range []string{"LD_LIBRARY_PATH", "HOME"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	if p.cfg.Cache != "" {
		if dir := compiled(p.cfg.Cache, r.Owner, time.Now()); dir != "" {
			env = append(env, cacheEnv+"="+dir, "CUDA_CACHE_MAXSIZE="+strconv.Itoa(compiledSize))
		}
	}
	if v := r.visible(); v != "" {
		env = append(env, "CUDA_VISIBLE_DEVICES="+v)
	}
	return env
}

const (
	maxCompiled  = 64       // owners' folders of compiled kernels that are kept
	compiledSize = 64 << 20 // bytes that the driver may keep in each: some thousand kernels
)

// compiled gives the folder in which the driver keeps what it compiles for an owner, "" where it cannot be made. Each owner has its own: what
// one worker leaves there no other owner's loads. Those that were not used for longest go.
func compiled(cache, owner string, now time.Time) string {
	sum := sha256.Sum256([]byte(owner))
	dir := filepath.Join(cache, hex.EncodeToString(sum[:8]))
	if os.MkdirAll(dir, 0o700) != nil {
		return ""
	}
	_ = os.Chtimes(dir, now, now)
	list, _ := os.ReadDir(cache)
	used := func(e os.DirEntry) time.Time {
		info, err := e.Info()
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(list, func(a, b os.DirEntry) int { return used(b).Compare(used(a)) })
	for _, e := range list[min(maxCompiled, len(list)):] {
		_ = os.RemoveAll(filepath.Join(cache, e.Name())) // of a worker that is there now at worst: it compiles once more
	}
	return dir
}
