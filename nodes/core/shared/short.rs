//! Texts in messages.

/// The text in quotes; of a long one its beginning. The precision of {:.60?} has no effect.
pub fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}
