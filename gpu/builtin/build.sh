#!/bin/sh
# build.sh compiles every kernel file in kernels/ to PTX, which is committed, compressed: the program is built without clang.
# build.sh --check changes nothing: it compiles to another place and compares; without clang-19 it compares the hashes in the PTX
# files' first line: of the source with its headers, and of the text below that line.
# build.sh FILE.c... compiles only these.
set -eu
cd "$(dirname "$0")/kernels"
export LC_ALL=C
clang=${CLANG:-clang-19}

hash() { sha256sum | cut -d' ' -f1; }

# sources is a kernel file and the headers that it includes, which include no others.
sources() { cat "$1" $(sed -n 's/^#include "\(.*\)"/\1/p' "$1"); }

# bound adds what C has no words for. "// bounds: NAME THREADS BLOCKS [CLUSTER]" says of the kernels whose names begin so how many threads
# a block has at most, how many blocks of them a multiprocessor should hold, and how many blocks a cluster is.
bound() { # file.c
	awk -v "file=$1" '
		BEGIN { while ((getline line <file) > 0) if (split(line, w, " ") >= 5 && w[1] " " w[2] == "// bounds:") { n++; name[n] = w[3]; text[n] = ".maxntid " w[4] ", 1, 1\n.minnctapersm " w[5] (w[6] ? "\n.explicitcluster\n.reqnctapercluster " w[6] ", 1, 1" : "") } }
		{ print }
		/^\.visible \.entry / { entry = $3 }
		/^\)/ { for (i = 1; i <= n; i++) if (index(entry, name[i]) == 1) print text[i]; entry = "" }'
}

compile() { # file.c, output
	target=$(sed -n 's|^// target: *\(sm_[0-9a]*\) *\(ptx[0-9]*\)$|\1 \2|p' "$1")
	set -- "$1" "$2" ${target:-sm_70 ptx63}
	"$clang" --target=nvptx64-nvidia-cuda -march="$3" -Xclang -target-feature -Xclang "+$4" -nocudalib -nocudainc -ffreestanding -fno-builtin \
		-ffp-contract=off -std=gnu11 -Wall -Wextra -Werror -Wno-unused-function -Wno-unused-parameter -x c -O3 -S -o "$2.body" "$1"
	bound "$1" <"$2.body" >"$2.bound"
	mv "$2.bound" "$2.body"
	{
		echo "// $1 by build.sh: sources $(sources "$1" | hash) text $(hash <"$2.body")"
		cat "$2.body"
	} | gzip -n -9 >"$2.gz"
	rm "$2.body"
}

check() { # file.c
	ptx=${1%.c}.ptx
	want="// $1 by build.sh: sources $(sources "$1" | hash) text $(zcat "$ptx.gz" | tail -n +2 | hash)"
	[ "$(zcat "$ptx.gz" | sed -n 1p)" = "$want" ] || { echo "$ptx is not what $1 gives: run build.sh $1" >&2; exit 1; }
	[ -z "$tmp" ] && return
	compile "$1" "$tmp/$ptx"
	zcat "$ptx.gz" >"$tmp/$ptx" # the text, for not every gzip writes the same bytes
	zcat "$tmp/$ptx.gz" | cmp "$tmp/$ptx" - >&2 || exit 1
}

if [ "${1:-}" != --check ]; then
	[ $# -gt 0 ] || set -- *.c
	for f; do compile "$f" "${f%.c}.ptx"; done
	exit
fi
tmp=
if command -v "$clang" >/dev/null; then
	tmp=$(mktemp -d)
	trap 'rm -r "$tmp"' EXIT
else
	echo "$clang is not here: only hashes are compared"
fi
for f in *.c; do check "$f"; done
