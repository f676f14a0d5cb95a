package cuda

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestArgsAreLaidOutAsAKernelDeclaresThem(t *testing.T) {
	var a Args
	a.Reset().I32(-2).Ptr(0x1122334455667788).U32(7).F32(1).F32(-1).F64(1).I32(3).I64(-1)
	require.Equal(t, []byte{
		0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0,
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
		7, 0, 0, 0, 0, 0, 0x80, 0x3f,
		0, 0, 0x80, 0xbf, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0xf0, 0x3f,
		3, 0, 0, 0, 0, 0, 0, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	}, a.Params())
	require.Empty(t, a.Reset().Params())
}

func TestClasses(t *testing.T) {
	for class, codes := range map[Class][]int{
		OutOfMemory: {2},
		Caller:      {1, 101, 201, 400, 401, 500, 701, 712, 713, 720},
		BadCode:     {200, 209, 218, 221, 222, 223, 300},
		Absent:      {3, 4, 34, 46, 100, 800, 801, 802, 803, 804},
		Poisoned:    {214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999, 12345, -1},
	} {
		for _, code := range codes {
			require.Equal(t, class, classOf(code), "%d", code)
		}
	}
}

func TestErrorsSayWhatTheyAre(t *testing.T) {
	require.EqualError(t, &Error{Call: "cuMemAlloc", Code: 2, Name: "CUDA_ERROR_OUT_OF_MEMORY", Class: OutOfMemory},
		"cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY (out of memory)")
	require.EqualError(t, &Error{Call: "cuModuleLoadDataEx", Code: 218, Class: BadCode, Log: "line 3: no such thing"},
		"cuModuleLoadDataEx: error 218 (bad code): line 3: no such thing")
	require.Equal(t, "12.4", Version(12040).String())
}

func TestNoLibrary(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), Library))
	require.ErrorContains(t, err, "no CUDA driver: ")
	text := filepath.Join(t.TempDir(), Library)
	require.NoError(t, os.WriteFile(text, []byte("no library"), 0o600))
	_, err = Load(text)
	require.ErrorContains(t, err, "no CUDA driver: ")
	_, err = Load("libc.so.6") // a library, and another one
	require.ErrorContains(t, err, "libc.so.6 has no cuInit: ")
}
