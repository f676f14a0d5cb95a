// What levee uses of cuBLASLt: matrix products of f16 and bf16, added up as f32. Found by dlopen, like the driver; where it is not
// there, our own kernels do the same.
#ifndef LEVEE_BLAS_H
#define LEVEE_BLAS_H

#include "driver.h"

typedef struct levee_blas levee_blas;

// levee_product is a product in the library's order, columns first: c (rows x columns) = alpha * op(a) * op(b), and then the epilogue.
typedef struct levee_product {
	int64_t rows, columns, depth, batch;
	int64_t stride_a, stride_b, stride_c; // elements from one product of the batch to the next
	int32_t trans_a, trans_b;
	int32_t type_in, type_out; // cudaDataType_t
	int32_t bias, relu;
	int32_t choice; // which of the ways that the library proposes, from 0, the first, to CHOICES - 1
	float alpha;
} levee_product;

// levee_plan is how a product is done: the library's descriptions, and the algorithm that it would take.
typedef struct levee_plan levee_plan;

levee_blas *levee_blas_open(const char *path);
int levee_blas_start(levee_blas *b, const levee_cuda *cu, uintptr_t ctx);
int levee_blas_close(levee_blas *b, const levee_cuda *cu, uintptr_t ctx);
size_t levee_blas_version(const levee_blas *b);
int levee_blas_plan(levee_blas *b, const levee_cuda *cu, uintptr_t ctx, const levee_product *p, size_t workspace, levee_plan **plan);
void levee_blas_drop(levee_blas *b, levee_plan *plan);
int levee_blas_run(levee_blas *b, const levee_cuda *cu, uintptr_t ctx, const levee_plan *plan, uint64_t a, uint64_t b_at, uint64_t bias, uint64_t c,
                   uint64_t workspace, size_t workspace_size, uintptr_t stream);

#endif
