#!/bin/sh
# build.sh compiles the C kernels of this folder's tests to the PTX beside them. A file may ask for a target as those of builtin do.
set -eu
cd "$(dirname "$0")"
for f in *.c; do
	target=$(sed -n 's|^// target: *\(sm_[0-9a]*\) *\(ptx[0-9]*\)$|\1 \2|p' "$f")
	set -- ${target:-sm_80 ptx70}
	"${CLANG:-clang-19}" --target=nvptx64-nvidia-cuda -march="$1" -Xclang -target-feature -Xclang "+$2" -nocudalib -nocudainc -ffreestanding \
		-x c -O3 -S -o "${f%.c}.ptx" "$f"
done
# C has no word for clusters.
awk '/^\)/ && entry ~ /^pair\(/ { print; print ".explicitcluster\n.reqnctapercluster 2, 1, 1"; next } /\.entry/ { entry = $3 } { print }' hopper.ptx >hopper.new
mv hopper.new hopper.ptx
