// wc counts what is in a text, and upper writes it in capitals: a node module in C with two node types.
#include "../levee.h"

LEVEE_NODE(count) {
    uint8_t part[4096]; // read in parts: a text of any size needs no more memory than this
    int64_t lines = 0, words = 0, chars = 0;
    int in_word = 0;
    uint64_t at = 0;
    for (size_t n; (n = levee_read(0, at, part, sizeof part)) > 0; at += n) {
        for (size_t i = 0; i < n; i++) {
            uint8_t c = part[i];
            int space = c == ' ' || (c >= '\t' && c <= '\r');
            lines += c == '\n';
            words += !space && !in_word;
            chars += (c & 0xc0) != 0x80; // bytes that do not continue a UTF-8 character
            in_word = !space;
        }
        levee_progress((int64_t)(at + n), levee_len(0));
    }
    levee_write_int(0, lines);
    levee_write_int(1, words);
    levee_write_int(2, chars);
}

LEVEE_NODE(upper) {
    levee_buf text = levee_input(0);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z') text.ptr[i] -= 32;
    levee_write(0, text.ptr, text.len);
}
