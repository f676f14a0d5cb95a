package inventory

import (
	"os"
	"path/filepath"
	"strings"
)

// glance looks at files only, so that a machine without a GPU pays nothing more. Where there may be one it gives "".
func glance(root, searched string) string {
	for _, sign := range []string{"dev/nvidia*", "dev/dxg", "etc/nv_tegra_release", "dev/nvhost-gpu", "dev/nvgpu"} {
		if found, _ := filepath.Glob(filepath.Join(root, sign)); len(found) > 0 {
			return ""
		}
	}
	dirs := []string{
		"usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib64", "usr/lib", "usr/local/nvidia/lib64", "usr/lib/wsl/lib",
		"run/opengl-driver/lib", "usr/lib/aarch64-linux-gnu/nvidia", "usr/lib/aarch64-linux-gnu/tegra",
	}
	for i := range dirs {
		dirs[i] = filepath.Join(root, dirs[i])
	}
	for _, dir := range append(dirs, strings.Split(searched, ":")...) {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, library)); err == nil {
			return ""
		}
	}
	return "no NVIDIA driver was found (there is no /dev/nvidiactl, and no " + library + ")"
}
