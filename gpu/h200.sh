#!/bin/sh
# Checks and measures the GPU work on a machine that has a GPU, which needs neither Go nor this repository. Where Go is:
#
#   gpu/h200.sh build DIR        makes the test programs in DIR, with what they read and this script
#
# and where the GPU is, at most 20 minutes:
#
#   DIR/h200.sh run [OUT]        runs all, writes a log a step to OUT (default: DIR/out), and prints a summary
#   DIR/h200.sh run OUT STEP...  runs these steps
#
# With LD_LIBRARY_PATH leading to libcublasLt.so and libcufft.so the vendor's libraries are measured too; with python3 and PyTorch there they are the rivals.
# Nothing of the GPU's settings is touched.
set -u
export CGO_ENABLED=1 CGO_CFLAGS="-O2 -g -Wno-deprecated-declarations"

build() {
    dir=$1
    here=$(cd "$(dirname "$0")" && pwd)
    mkdir -p "$dir/testdata"
    dir=$(cd "$dir" && pwd)
    cd "$here/.."
    for pkg in gpu/device gpu/kernel gpu/ptx gpu; do
        go test -c -trimpath -ldflags='-s -w' -o "$dir/$(echo $pkg | tr / -).test" "./$pkg" || exit 1
    done
    go build -trimpath -ldflags='-s -w' -o "$dir/levee" ./daemon/levee || exit 1
    cp -r gpu/kernel/testdata/. gpu/ptx/testdata/. "$dir/testdata/"
    for f in gpu/builtin/kernels/*.ptx.gz; do zcat "$f" >"$dir/testdata/$(basename "$f" .gz)"; done
    mkdir -p "$dir/demo/inbox"
    cp testdata/demo/alike.flow.yaml "$dir/demo/"
    cp testdata/samples/photos/*.jpg "$dir/demo/inbox/"
    cp gpu/h200.sh "$dir/"
}

# step NAME SECONDS COMMAND... runs one step with a limit, into OUT/NAME.log.
step() {
    name=$1 limit=$2
    shift 2
    case " $only " in "  ") ;; *" $name "*) ;; *) return ;; esac
    begin=$(date +%s)
    timeout "$limit" "$@" >"$out/$name.log" 2>&1
    code=$?
    echo "$name: exit $code, $(($(date +%s) - begin)) s" | tee -a "$out/summary.txt"
}

show() { # NAME PATTERN
    [ -f "$out/$1.log" ] && grep -E "$2" "$out/$1.log"
}

assembler() { # every PTX file, by the assembler of the CUDA toolkit
    command -v ptxas >/dev/null || { echo "no ptxas here"; return 0; }
    ptxas --version | tail -2
    bad=0
    for f in "$dir"/testdata/*.ptx; do
        target=$(sed -n 's/^\.target \(sm_[0-9a-z]*\).*/\1/p' "$f")
        case $target in
            sm_90a) archs=sm_90a ;;
            sm_8*) archs="sm_80 sm_86 sm_89 sm_90 sm_100 sm_120" ;;
            *) archs="sm_75 sm_80 sm_90 sm_100 sm_120" ;;
        esac
        for arch in $archs; do
            if ! ptxas -arch=$arch -o /dev/null "$f"; then echo "REFUSED $f for $arch"; bad=1; fi
        done
        echo "$(sha256sum "$f" | cut -d' ' -f1) $(basename "$f") $archs"
    done
    return $bad
}

rivals() { # what PyTorch reaches on this machine
    python3 - <<'PY'
import sys
try:
    import torch
except ImportError:
    print("no PyTorch here"); sys.exit(0)
def timed(f, n=20):
    for _ in range(3): f()
    t = []
    for _ in range(n):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record(); f(); b.record(); b.synchronize(); t.append(a.elapsed_time(b))
    return sorted(t)[n // 2] / 1e3
print(torch.__version__, torch.cuda.get_device_name())
for n in (4096, 8192):
    a, b = (torch.randn(n, n, device="cuda").bfloat16() for _ in range(2))
    print(f"rival: gemm bf16 {n}: {2*n**3/timed(lambda: a @ b)/1e12:.0f} TFLOP/s")
a, b = (torch.randn(4096, 4096, device="cuda") for _ in range(2))
print(f"rival: gemm f32 4096: {2*4096**3/timed(lambda: a @ b)/1e12:.1f} TFLOP/s")
x = torch.empty(1 << 30, device="cuda"); y = torch.empty_like(x)
print(f"rival: copy: {8*x.numel()/timed(lambda: y.copy_(x))/1e12:.2f} TB/s")
x = torch.randn(1 << 28, device="cuda")
print(f"rival: sum f32: {4*x.numel()/timed(lambda: x.sum())/1e12:.2f} TB/s")
x = torch.randn(1 << 15, 1 << 12, device="cuda")
print(f"rival: softmax f32 rows of 4096: {8*x.numel()/timed(lambda: x.softmax(1))/1e12:.2f} TB/s")
print(f"rival: sort f32 2^27: {2**27/timed(lambda: x.view(-1).sort(), 3)/1e9:.2f} G/s")
z = torch.randn(1 << 12, 1 << 13, 2, device="cuda"); z = torch.view_as_complex(z)
print(f"rival: fft 8192: {16*z.numel()/timed(lambda: torch.fft.fft(z))/1e12:.2f} TB/s")
PY
}

demo() { # the same workflow on the GPU and, in another cache, on the processors: the same files, bit for bit
    rm -rf "$out/demo" && cp -r "$dir/demo" "$out/demo" && cd "$out/demo" || return 1
    export XDG_STATE_HOME="$out/demo/state" XDG_CACHE_HOME="$out/demo/cache"
    "$dir/levee" gpu
    "$dir/levee" run alike.flow.yaml || return 1
    mv alike on-gpu
    sed 's/uses: tensor\/\([a-z_]*\),/uses: tensor\/\1, device: [cpu],/' "$dir/demo/alike.flow.yaml" >alike.flow.yaml
    XDG_CACHE_HOME="$out/demo/cache2" "$dir/levee" run alike.flow.yaml || return 1
    diff -r alike on-gpu && echo "the same files on the GPU and on the processors"
    rc=$?
    rm -rf state cache cache2
    return $rc
}

run() {
    mkdir -p "$out"
    : >"$out/summary.txt"
    cd "$dir" || exit 1
    { date -u; nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader; uname -m; } | tee "$out/machine.txt"
    step gpu 20 ./levee gpu
    step demo 60 "$0" demo "$out" & # what is right or wrong side by side, what is measured alone
    step suite 240 env LEVEE_TEST_GRAPHS=60 ./gpu-device.test -test.v &
    step kernels 180 ./gpu-kernel.test -test.v -test.run OnAGPU &
    step instructions 60 ./gpu-ptx.test -test.v -test.run OnAGPU
    wait
    step big 240 env LEVEE_TEST_BIG=100000000 LEVEE_TEST_BIG_SECONDS=200 ./gpu-device.test -test.v -test.run '^TestSuiteBig$'
    step worker 120 ./gpu.test -test.v -test.run OnAGPU
    step rivals 60 "$0" rivals
    step beside 90 ./gpu-device.test -test.run '^$' -test.bench ProductsBesideTorch -test.benchtime 1x
    step products 120 ./gpu-device.test -test.run '^$' -test.bench 'Tiled|Mapped|Exact|LibrarysProducts|Convolutions' -test.benchtime 3x
    step fusion 60 ./gpu-device.test -test.run '^$' -test.bench Fusion -test.benchtime 20x
    step maps 60 ./gpu-kernel.test -test.run '^$' -test.bench Maps -test.benchtime 1x
    step speed 120 ./gpu-device.test -test.run '^$' -test.bench '^Benchmark(GPU|Ops|Rows|TheLibrarysFFT|Launch|Submit|Map|Transfer)$' -test.benchtime 20x
    step start 120 env CUDA_CACHE_DISABLE=1 ./gpu-device.test -test.run '^$' -test.bench '^Benchmark(Context|Session|JIT)$' -test.benchtime 1x
    step assembler 240 "$0" assembler
    for name in suite kernels instructions big worker; do show $name '^ *--- (FAIL|SKIP)|^panic|^FAIL|^ok|^PASS'; done
    show big 'kernels,|only|rounds'
    show demo 'same files|level|diff'
    show rivals rival
    show beside beside
    for name in products fusion maps speed start; do show $name Benchmark; done
    show worker 'OnAGPU|_test.go'
    cat "$out/summary.txt"
}

dir=$(cd "$(dirname "$0")" && pwd)
case "${1:-}" in
    build) build "${2:?a folder}" ;;
    assembler | rivals) "$1" ;;
    demo) out=$2; demo ;;
    run)
        out=${2:-$dir/out}
        mkdir -p "$out" && out=$(cd "$out" && pwd)
        [ $# -ge 2 ] && shift 2 || shift
        only="$*"
        run
        ;;
    *) sed -n '2,12p' "$0"; exit 2 ;;
esac
