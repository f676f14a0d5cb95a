// A libcublasLt.so.13 that can only say what it is.
#include <stddef.h>
#define X(name) int cublasLt##name(void) { return 15; }
X(Create) X(Destroy) X(MatmulDescCreate) X(MatmulDescDestroy) X(MatmulDescSetAttribute) X(MatrixLayoutCreate) X(MatrixLayoutDestroy)
X(MatrixLayoutSetAttribute) X(MatmulPreferenceCreate) X(MatmulPreferenceDestroy) X(MatmulPreferenceSetAttribute) X(MatmulAlgoGetHeuristic) X(Matmul)
size_t cublasLtGetVersion(void) { return 130100; }
