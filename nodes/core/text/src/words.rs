//! Words: runs of letters and digits, joined by single apostrophes inside (don't, l'eau).

use crate::fail;
use crate::levee::{self, Cells, Table, Texts};
use std::collections::{HashMap, HashSet};

/// The words of a text in order.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(char::is_alphanumeric)?;
        let mut end = start;
        let mut chars = rest[start..].char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let joins = (c == '\'' || c == '\u{2019}') && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric());
            if !c.is_alphanumeric() && !joins {
                break;
            }
            end = start + at + c.len_utf8();
        }
        let word = &rest[start..end];
        rest = &rest[end..];
        Some(word)
    })
}

/// Inputs: text, lower, min_length. Outputs: words, count.
pub fn words() {
    let mut text = levee::string(0);
    if levee::boolean(1) {
        text = text.to_lowercase();
    }
    let shortest = levee::int(2).max(1) as usize;
    let kept: Vec<&str> = split(&text).filter(|w| long_enough(w, shortest)).collect();
    levee::put_list(0, &kept);
    levee::put_int(1, kept.len() as i64);
}

fn long_enough(word: &str, shortest: usize) -> bool {
    word.len() >= shortest && (shortest == 1 || word.chars().count() >= shortest)
}

/// Inputs: text, texts, lower, min_length, top, stop. Outputs: table (word, count), total, distinct.
pub fn count_words() {
    let (lower, shortest) = (levee::boolean(2), levee::int(3).max(1) as usize);
    let top = usize::try_from(levee::int(4)).unwrap_or(0);
    let stop: HashSet<String> = levee::strings(5).into_iter().collect();
    if !levee::given(0) && !levee::given(1) {
        levee::fail("give text, or texts, or both");
    }
    let mut texts: Vec<String> = if levee::given(1) { levee::strings(1) } else { Vec::new() };
    if levee::given(0) {
        texts.insert(0, levee::string(0));
    }
    let mut counts: HashMap<String, i64> = HashMap::new();
    let mut total = 0;
    let n = texts.len() as u64;
    for (i, text) in texts.into_iter().enumerate() {
        let text = if lower { text.to_lowercase() } else { text };
        for word in split(&text).filter(|w| long_enough(w, shortest) && !stop.contains(*w)) {
            total += 1;
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_string(), 1)),
            }
        }
        levee::progress(i as u64 + 1, n);
    }
    let distinct = counts.len() as i64;
    let mut rows: Vec<(String, i64)> = counts.into_iter().collect();
    rows.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    if top > 0 {
        rows.truncate(top);
    }
    let mut names = Texts::default();
    rows.iter().for_each(|r| names.push(Some(&r.0)));
    let counts = rows.iter().map(|r| Some(r.1)).collect();
    let columns = vec![("word".to_string(), Cells::Text(names)), ("count".to_string(), Cells::Int(counts))];
    levee::put_table(0, &Table { columns });
    levee::put_int(1, total);
    levee::put_int(2, distinct);
}

/// Inputs: text, size, overlap, separator. Outputs: chunks, count.
pub fn chunk() {
    let (text, size, overlap, separator) = (levee::string(0), levee::int(1) as usize, levee::int(2) as usize, levee::string(3));
    if overlap >= size {
        fail!("overlap is {overlap}, size {size}: each chunk must bring something new");
    }
    let parts: Vec<&str> = if separator.is_empty() { text.split_whitespace().collect() } else { text.split(separator.as_str()).collect() };
    let chunks: Vec<String> = (0..parts.len()).step_by(size - overlap).map(|i| parts[i..parts.len().min(i + size)].join(" ")).collect();
    levee::put_list(0, &chunks);
    levee::put_int(1, chunks.len() as i64);
}
