//go:build !race

package runtime

const compilerSlowdown = 1
