#!/bin/sh
# build.sh compiles the C kernels of this folder's tests to the PTX beside them.
set -eu
cd "$(dirname "$0")"
for f in *.c; do
	"${CLANG:-clang-19}" --target=nvptx64-nvidia-cuda -march=sm_80 -Xclang -target-feature -Xclang +ptx70 -nocudalib -nocudainc -ffreestanding \
		-x c -O3 -S -o "${f%.c}.ptx" "$f"
done
