// Contrast is a node module in C that works on a GPU where there is one: it stretches a picture from its darkest to its lightest value.
#include "levee_gpu.h"

// For each value of the picture; low and high are one number each, the same for all.
LEVEE_KERNEL(stretch) int32_t stretch(int32_t value, int32_t low, int32_t high) {
    return low < high ? (value - low) * 255 / (high - low) : value;
}

static levee_graph g;

LEVEE_NODE(contrast) {
    static const uint64_t one[2] = {1, 1};
    const uint64_t min[2] = {LEVEE_MIN, 1}, max[2] = {LEVEE_MAX, 1};
    levee_tensor picture = levee_tensor_input(0);
    levee_tensor result = levee_tensor_new(picture.dtype, picture.shape, picture.rank);
    const uint64_t flat[2] = {1, picture.shape[0] * picture.shape[1] * picture.shape[2]};
    uint16_t from = levee_graph_tensor(&g, picture), to = levee_graph_tensor(&g, result);
    uint16_t row = levee_graph_temporary(&g, LEVEE_U8, flat, 2);
    uint16_t low = levee_graph_temporary(&g, LEVEE_U8, one, 2), high = levee_graph_temporary(&g, LEVEE_U8, one, 2);
    levee_graph_op(&g, LEVEE_COPY, &from, 1, &row, 1, 0, 0);
    levee_graph_op(&g, LEVEE_REDUCE, &row, 1, &low, 1, min, 2);
    levee_graph_op(&g, LEVEE_REDUCE, &row, 1, &high, 1, max, 2);
    const uint16_t in[3] = {from, low, high};
    levee_graph_map(&g, levee_kernel("stretch"), in, 3, &to, 1);
    levee_graph_run(&g);
    levee_tensor_output(0, result);
}
