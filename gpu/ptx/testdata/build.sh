#!/bin/sh
# build.sh [DIR] compiles the C kernels of this folder's tests to PTX, beside them or in DIR. A file may ask for a target as those of
# package builtin do, and name a kernel whose blocks come in clusters.
set -eu
cd "$(dirname "$0")"
dir=${1:-.}
for f in *.c; do
	target=$(sed -n 's|^// target: *\(sm_[0-9a]*\) *\(ptx[0-9]*\)$|\1 \2|p' "$f")
	cluster=$(sed -n 's|^// cluster: *||p' "$f")
	set -- ${target:-sm_80 ptx70}
	"${CLANG:-clang-19}" --target=nvptx64-nvidia-cuda -march="$1" -Xclang -target-feature -Xclang "+$2" -nocudalib -nocudainc -ffreestanding \
		-x c -O3 -S -o - "$f" |
		awk -v "name=${cluster% *}" -v "size=${cluster#* }" '
			{ print }
			/\.entry/ { entry = $3 }
			/^\)/ && name != "" && index(entry, name "(") == 1 { print ".explicitcluster\n.reqnctapercluster " size ", 1, 1" }' >"$dir/${f%.c}.ptx"
done
