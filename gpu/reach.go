package gpu

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// What a driver that is open may still want, as patterns. It opens files when it likes, and its libraries open others when they are first
// asked for something: what compiles PTX, cuBLASLt, cuFFT.
var (
	readable = []string{
		"/proc/self", "/proc/driver/nvidia*", "/proc/devices", "/proc/modules", "/proc/cpuinfo", "/proc/meminfo", "/proc/version", "/proc/sys/vm",
		"/sys/devices", "/sys/bus/pci", "/sys/module/nvidia*", "/sys/kernel/mm",
		"/etc/ld.so.cache", "/usr/share/nvidia",
		"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64",
	}
	usable = []string{
		"/dev/nvidia*", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
		"/dev/nvgpu", "/dev/nvhost*", "/dev/nvmap", "/dev/nvsci*", "/dev/host1x*", "/dev/dxg", // GPUs that share the machine's memory, or a host's
	}
)

// reach is what of the file system stays open to a worker: what a driver wants, the folders of libraries, and the folder of compiled kernels.
func reach(cache string) []landlock.Rule {
	files, folders := find(readable)
	for _, path := range slices.Concat(files, folders) {
		if strings.HasPrefix(path, "/proc/") {
			// The kernel forgets what nobody has open there, and makes another file of the same name, of which a rule knows nothing.
			_, _ = unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		}
	}
	folders = append(folders, libraryFolders(cache)...)
	rules := []landlock.Rule{landlock.ROFiles(files...).IgnoreIfMissing(), landlock.RODirs(folders...).IgnoreIfMissing()}
	files, folders = find(usable)
	rules = append(rules, landlock.RWFiles(files...).WithIoctlDev().IgnoreIfMissing(), landlock.RWDirs(folders...).WithIoctlDev().IgnoreIfMissing())
	if cache != "" {
		rules = append(rules, landlock.RWDirs(cache).IgnoreIfMissing())
	}
	return rules
}

// find gives what is there of what the patterns name.
func find(patterns []string) (files, folders []string) {
	for _, p := range patterns {
		found, _ := filepath.Glob(p) // the patterns are good
		for _, path := range found {
			if info, err := os.Stat(path); err != nil {
				continue
			} else if info.IsDir() {
				folders = append(folders, path)
			} else {
				files = append(files, path)
			}
		}
	}
	return files, folders
}

// libraryFolders are where the loader finds libraries: where those are that were loaded already, where LD_LIBRARY_PATH leads, and what the
// loader's own list names. A folder in which the user's home or the cache lies is none of them, whoever names it.
func libraryFolders(cache string) []string {
	maps, _ := os.ReadFile("/proc/self/maps")
	known, _ := os.ReadFile("/etc/ld.so.cache")
	list := strings.FieldsFunc(os.Getenv("LD_LIBRARY_PATH"), func(r rune) bool { return r == ':' || r == ';' })
	for _, dir := range list {
		list = append(list, linked(dir)...)
	}
	for line := range bytes.Lines(maps) {
		if at := bytes.IndexByte(line, '/'); at >= 0 {
			list = append(list, folderOf(line[at:])...)
		}
	}
	for text := range bytes.SplitSeq(known, []byte{0}) { // its names end with a zero; what else is in it are numbers
		list = append(list, folderOf(text)...)
	}
	slices.Sort(list)
	var folders []string
	for _, dir := range slices.Compact(list) {
		dir, err := filepath.EvalSymlinks(dir)
		if err == nil && filepath.IsAbs(dir) && !holds(dir, cache) && !holds(dir, os.Getenv("HOME")) {
			folders = append(folders, dir)
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// linked are the folders that the vendor's libraries in a folder are links to.
func linked(dir string) (folders []string) {
	found, _ := filepath.Glob(filepath.Join(dir, "lib[cn][uv]*.so*")) // libcu..., libnv...
	for _, path := range found {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(real))
		}
	}
	return folders
}

// folderOf is the folder of a library, if that is what the path names.
func folderOf(path []byte) []string {
	dir, name := filepath.Split(strings.TrimSpace(string(path)))
	if !filepath.IsAbs(dir) || !strings.Contains(name, ".so") {
		return nil
	}
	return []string{dir}
}

// holds says whether path, where there is one, is the folder or lies in it.
func holds(dir, path string) bool {
	if path == "" {
		return false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
