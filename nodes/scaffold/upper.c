// upper writes a text in capitals. The module upper.wasm is made of this file:
//
//     clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,-s -o upper.wasm upper.c
//     levee pack upper.wasm upper.json
#include "levee.h"

LEVEE_NODE(upper) {
    levee_buf text = levee_input(0); // input port 0: text
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z') text.ptr[i] -= 'a' - 'A';
    levee_write(0, text.ptr, text.len); // output port 0: text
}
