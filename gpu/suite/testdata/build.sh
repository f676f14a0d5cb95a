#!/bin/sh
# build.sh makes kernels.wasm of kernels.c. build.sh --check compares, where clang-19 is installed.
set -eu
cd "$(dirname "$0")"
out=kernels.wasm
[ "${1:-}" != --check ] || { command -v clang-19 >/dev/null || exit 0; out=$(mktemp); trap 'rm -f "$out"' EXIT; }
clang-19 --target=wasm32 -O2 -nostdlib -ffreestanding -ffp-contract=off -fno-vectorize -mmultivalue -Xclang -target-abi -Xclang experimental-mv \
	-mnontrapping-fptoint -msign-ext -Wl,--no-entry -Wl,--strip-all -o "$out" kernels.c
[ "$out" = kernels.wasm ] || cmp "$out" kernels.wasm
