//go:build race

package runtime

// compilerSlowdown is how much longer the engine's compiler takes in this build of levee: the race detector sees every access to memory.
const compilerSlowdown = 10
