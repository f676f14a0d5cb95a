//! Core pack file: files of the workflow's granted folders. Ports and their meaning: node.json.

#[path = "../../../sdk/rust/levee.rs"]
mod levee;
#[path = "../../shared/pack.rs"]
#[macro_use]
mod pack;

pack! {
    "node_read" => read,
    "node_read_text" => read_text,
    "node_list" => list,
    "node_folder" => folder,
    "node_write" => write,
}

fn content(path: &str) -> Vec<u8> {
    levee::file_read(path).unwrap_or_else(|e| fail!("cannot read {path:?}: {e}"))
}

/// Inputs: path. Outputs: data, size.
fn read() {
    let data = content(&levee::string(0));
    levee::write(0, &data);
    levee::put_int(1, data.len() as i64);
}

/// Inputs: path. Outputs: text.
fn read_text() {
    let path = levee::string(0);
    let data = content(&path);
    let data = data.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&data);
    match std::str::from_utf8(data) {
        Ok(text) => levee::put_str(0, text),
        Err(e) => fail!("{path:?} is no UTF-8 at byte {}; use file/read and text/decode", e.valid_up_to()),
    }
}

/// Inputs: glob, at_least. Outputs: paths, count.
fn list() {
    let glob = levee::string(0);
    let paths = levee::file_list(&glob).unwrap_or_else(|e| fail!("cannot list {glob:?}: {e}"));
    let least = levee::int(1);
    if (paths.len() as i64) < least {
        fail!("{glob:?} matches {} files, at_least is {least}", paths.len());
    }
    levee::put_list(0, &paths);
    levee::put_int(1, paths.len() as i64);
}

/// Inputs: folder, subfolders, extensions. Outputs: paths, count.
fn folder() {
    let folder = levee::string(0);
    let mut glob = String::new();
    for c in folder.trim_end_matches('/').chars() {
        if "*?[]{}\\".contains(c) {
            glob.push('\\');
        }
        glob.push(c);
    }
    glob = if glob == "." { String::new() } else { glob + "/" };
    glob += if levee::boolean(1) { "**/*" } else { "*" };
    let mut paths = levee::file_list(&glob).unwrap_or_else(|e| fail!("cannot list {folder:?}: {e}"));
    if levee::given(2) {
        let wanted: Vec<String> = levee::strings(2).iter().map(|e| e.to_lowercase()).collect();
        paths.retain(|p| wanted.contains(&extension(p)));
    }
    levee::put_list(0, &paths);
    levee::put_int(1, paths.len() as i64);
}

/// The extension of a path, with its dot, in lower case; "" without one.
fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or("");
    match name.rfind('.') {
        Some(at) if at > 0 => name[at..].to_lowercase(),
        _ => String::new(),
    }
}

/// Inputs: path, data. Outputs: path, size.
fn write() {
    let (path, kind) = (levee::string(0), levee::type_of(1));
    if !matches!(kind.as_str(), "bytes" | "string" | "json") {
        fail!("{kind} is no file content; encode it first (image/encode, table/write_csv, json/format, text/join)");
    }
    levee::file_write_input(&path, 1).unwrap_or_else(|e| fail!("cannot write {path:?}: {e}"));
    levee::put_str(0, &path);
    levee::put_int(1, levee::len(1).unwrap_or(0) as i64);
}
