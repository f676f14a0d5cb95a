#!/bin/sh
# Builds the core nodes: nodes/core/PACK.wasm from nodes/core/PACK, the same bytes on every machine that has the same compiler.
#
#   nodes/build.sh            builds all packs and puts the modules beside their sources
#   nodes/build.sh PACK...    builds these
#   nodes/build.sh --check    builds all in a temporary folder and compares with the modules that are there
#
# Needs rustc and cargo of the version below, the sources of its standard library (it is built for wasm without WASI) and wasm-ld.
# On Debian 12: apt-get install rustc-web cargo-web rust-web-src lld-19. The crates come from crates.io once (Cargo.lock pins them).
set -eu

want="1.96.0"
here=$(cd "$(dirname "$0")" && pwd)
core=$here/core
packs="text json list math table image file flow convert template logic map date unicode tensor script"

say() { echo "nodes/build.sh: $*" >&2; }

# Debian keeps its compiler in /usr/bin, which a rustup installation may hide.
find_tool() {
    for t in "/usr/bin/$1" "$(command -v "$1" || true)"; do
        if [ -n "$t" ] && [ -x "$t" ] && "$t" --version 2>/dev/null | grep -q "^$1 $want"; then echo "$t"; return; fi
    done
}
RUSTC=$(find_tool rustc)
cargo=$(find_tool cargo)
linker=$(command -v wasm-ld-19 || command -v wasm-ld || true)
if [ -z "$RUSTC" ] || [ -z "$cargo" ] || [ -z "$linker" ]; then
    say "the Rust toolchain is missing: rustc $want: ${RUSTC:-no}, cargo $want: ${cargo:-no}, wasm-ld: ${linker:-no}"
    say "on Debian 12: apt-get install rustc-web cargo-web rust-web-src lld-19"
    say "the built modules are in the repository; only a change of nodes/core needs this"
    exit 3
fi
sysroot=$("$RUSTC" --print sysroot)
if [ ! -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]; then
    say "the sources of Rust's standard library are missing under $sysroot/lib/rustlib/src: apt-get install rust-web-src"
    exit 3
fi

check=no out=$core
if [ "${1:-}" = --check ]; then check=yes; shift; fi
if [ $# -gt 0 ]; then packs="$*"; fi
if [ $check = yes ]; then out=$(mktemp -d); fi
beside=""
trap '[ -z "$beside" ] || kill "$beside" 2>/dev/null || true; [ "$out" = "$core" ] || rm -rf "$out"' EXIT

# No path of this machine may reach the modules: panics name source files.
crates=${CARGO_HOME:-$HOME/.cargo}
library=$(cd "$sysroot/lib/rustlib/src/rust" && pwd -P)
remap="--remap-path-prefix=$here=/nodes --remap-path-prefix=$crates=/cargo --remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rust --remap-path-prefix=$library=/rust"

export RUSTC RUSTC_BOOTSTRAP=1 # -Zbuild-std is an unstable option of a stable compiler
cd "$core"

build() { # pack, target directory
    case $1 in image) level=3 ;; table) level=2 ;; *) level=s ;; esac # pixels and rows are loops, the rest is short
    stack=262144 more=""
    # An interpreter calls itself; and its source of random numbers has to be named, though nothing asks it.
    case $1 in script) stack=16777216 more='--cfg getrandom_backend="custom"' ;; esac
    export RUSTFLAGS="-C linker=$linker -C link-arg=-zstack-size=$stack -C target-feature=+simd128 $remap $more"
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=$level
    # One crate per call, so that no pack gets the features that another one asks of a shared crate.
    "$cargo" build --quiet --release --locked -p "levee-$1" -Zbuild-std=std,panic_abort --target wasm32-unknown-unknown --target-dir "$2"
    cp "$2/wasm32-unknown-unknown/release/$1.wasm" "$out/$1.wasm"
    chmod 644 "$out/$1.wasm"
}

# The interpreter takes as long as all others, and shares nothing with them: it is built beside them.
target=${LEVEE_NODES_TARGET:-target}
for pack in $packs; do
    case $pack in script) build script "$target/beside" & beside=$! ;; esac
done
for pack in $packs; do
    case $pack in script) ;; *) build "$pack" "$target" ;; esac
done
[ -z "$beside" ] || wait "$beside"

if [ $check = yes ]; then
    bad=no
    for pack in $packs; do
        cmp -s "$out/$pack.wasm" "$core/$pack.wasm" || { say "$pack.wasm is not what its sources give"; bad=yes; }
    done
    [ $bad = no ] || exit 1
    say "all modules are what their sources give"
fi
