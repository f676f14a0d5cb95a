// wc is a node module in C with three node types: count and upper take texts, sum takes a table.
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

// The column of that name; the invocation fails when there is none.
static levee_column find(levee_buf table, levee_buf name) {
    for (uint32_t i = 0;; i++) {
        levee_column c = levee_table_column(table, i);
        if (c.kind == 0) levee_fail("the table has no column of that name");
        size_t same = 0;
        while (same < name.len && c.name.len == name.len && c.name.ptr[same] == name.ptr[same]) same++;
        if (same == c.name.len) return c;
    }
}

LEVEE_NODE(sum) {
    levee_column c = find(levee_input(0), levee_input(1));
    if (c.kind != LEVEE_COL_INT && c.kind != LEVEE_COL_FLOAT) levee_fail("the column holds no numbers");
    double total = 0;
    int64_t missing = 0;
    for (size_t i = 0; i < c.rows; i++) {
        int64_t word = levee_cell(c, i);
        if (!levee_valid(c, i)) {
            missing++;
        } else if (c.kind == LEVEE_COL_INT) {
            total += (double)word;
        } else {
            double cell;
            levee_copy(&cell, &word, sizeof cell);
            total += cell;
        }
    }
    levee_write_float(0, total);
    levee_write_int(1, missing);
}
