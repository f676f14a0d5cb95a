//! slug is a node module in Rust: it turns titles into names for files and addresses.

#[path = "../../levee.rs"] // in a crate of one's own: src/levee.rs and plain `mod levee;`
mod levee;

/// list<string> -> list<string>: lower-case letters and digits of each title, with a dash between words.
#[no_mangle]
pub extern "C" fn slugs() {
    let titles = levee::strings(0);
    let longest = levee::int(1) as usize;
    let mut out = Vec::with_capacity(titles.len());
    for (i, title) in titles.iter().enumerate() {
        let name = slug(title, longest);
        if name.is_empty() {
            fail!("title {} has no letters or digits: {title:?}", i + 1);
        }
        out.push(name);
        levee::progress(i as u64 + 1, titles.len() as u64);
    }
    levee::put_list(0, &out);
}

fn slug(title: &str, longest: usize) -> String {
    let mut name = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        if name.len() + c.len_utf8() > longest {
            break;
        }
        if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_end_matches('-').to_string()
}
