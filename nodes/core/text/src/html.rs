//! The text of HTML. Markup is read the way browsers forgive: what is not closed ends with the text, and a < that begins no tag is one.

use crate::levee;

/// Inputs: html, images, links, mail, base. Output: text.
pub fn from_html() {
    let html = levee::string(0);
    let mut page = Page { images: levee::boolean(1), links: levee::boolean(2), mail: levee::boolean(3), base: levee::string(4), ..Page::default() };
    page.read(&html);
    levee::put_str(0, page.out.trim());
}

#[derive(Default)]
struct Page {
    images: bool,
    links: bool,
    mail: bool,
    base: String,
    out: String,
    space: bool,        // white space came and nothing behind it
    pre: usize,         // how many pre stand open
    link: Option<String>, // where the open link leads
}

/// What is in these is no text.
const RAW: [&str; 4] = ["script", "style", "template", "noscript"];

/// These stand on lines of their own; those of GAP with an empty line around them.
const LINE: [&str; 25] = [
    "address", "article", "aside", "body", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "header", "hr", "html", "li", "main", "nav", "option",
    "section", "tbody", "thead", "title", "tr", "caption",
];
const GAP: [&str; 12] = ["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"];

impl Page {
    fn read(&mut self, html: &str) {
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            self.text(&rest[..at]);
            rest = &rest[at..];
            let after = rest[1..].chars().next();
            if rest.starts_with("<!--") {
                rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
            } else if after.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
                let end = tag_end(rest);
                let tag = &rest[1..end];
                rest = rest.get(end + 1..).unwrap_or("");
                let name = name_of(tag);
                if RAW.contains(&name.as_str()) && !tag.ends_with('/') {
                    rest = behind(rest, &name);
                } else {
                    self.tag(tag, &name);
                }
            } else {
                self.text("<");
                rest = &rest[1..];
            }
        }
        self.text(rest);
    }

    /// Adds text with its character references resolved; a no-break space is a space that stays.
    fn text(&mut self, raw: &str) {
        for c in html_escape::decode_html_entities(raw).chars() {
            if c == '\u{a0}' {
                self.put(" ");
            } else if self.pre > 0 || !c.is_ascii_whitespace() {
                self.put(c.encode_utf8(&mut [0; 4]));
            } else {
                self.space = true;
            }
        }
    }

    fn put(&mut self, s: &str) {
        if self.space && !self.out.is_empty() && !self.out.ends_with([' ', '\n', '\t']) {
            self.out.push(' ');
        }
        self.space = false;
        self.out.push_str(s);
    }

    /// Ends the line, with an empty one behind it for two.
    fn line(&mut self, breaks: usize) {
        self.space = false;
        self.out.truncate(self.out.trim_end_matches([' ', '\t']).len());
        let have = self.out.len() - self.out.trim_end_matches('\n').len();
        if !self.out.is_empty() {
            (have..breaks).for_each(|_| self.out.push('\n'));
        }
    }

    fn tag(&mut self, tag: &str, name: &str) {
        let closes = tag.starts_with('/');
        if GAP.contains(&name) {
            self.line(2);
        } else if LINE.contains(&name) {
            self.line(1);
        }
        match name {
            "br" => {
                self.line(0);
                self.out.push('\n');
            }
            "td" | "th" if closes => self.put("\t"),
            "li" if !closes => self.put("- "),
            "pre" => self.pre = if closes { self.pre.saturating_sub(1) } else { self.pre + 1 },
            "img" if self.images => {
                if let Some(alt) = attribute(tag, "alt") {
                    self.text(&alt);
                }
            }
            "a" => {
                if let Some(target) = self.link.take() {
                    self.out.push_str(&format!(" ({target})"));
                }
                if !closes && self.links {
                    self.link = attribute(tag, "href").and_then(|href| self.target(&href));
                }
            }
            _ => {}
        }
    }

    /// Where a link leads; none for those within the page.
    fn target(&self, href: &str) -> Option<String> {
        let href = html_escape::decode_html_entities(href.trim()).into_owned();
        let mail = href.get(..7).is_some_and(|s| s.eq_ignore_ascii_case("mailto:"));
        if href.is_empty() || href.starts_with('#') || mail && !self.mail {
            return None;
        }
        if href.starts_with('/') && !href.starts_with("//") {
            return Some(format!("{}{href}", self.base.trim_end_matches('/')));
        }
        Some(href)
    }
}

/// Where the > of a tag is, or the text's end; one within quotes is none.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (i, c) in text.char_indices() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '>' => return i,
            None if (c == '"' || c == '\'') && text[..i].trim_end().ends_with('=') => quote = Some(c),
            _ => {}
        }
    }
    text.find('>').unwrap_or(text.len())
}

fn name_of(tag: &str) -> String {
    let tag = tag.strip_prefix('/').unwrap_or(tag);
    tag.chars().take_while(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase()
}

/// What follows the end tag of an element whose content is no text.
fn behind<'t>(text: &'t str, name: &str) -> &'t str {
    for (at, _) in text.match_indices("</") {
        let after = &text[at + 2..];
        if after.get(..name.len()).is_some_and(|s| s.eq_ignore_ascii_case(name)) {
            return after.find('>').map_or("", |end| &after[end + 1..]);
        }
    }
    ""
}

/// An attribute of a tag, as it is written.
fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag[name_of(tag).len().min(tag.len())..].trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut text = "";
        if let Some(after) = rest.strip_prefix('=') {
            rest = after.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (from, close) = match quote {
                Some(q) => (1, rest[1..].find(q).map_or(rest.len(), |i| i + 1)),
                None => (0, rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len())),
            };
            text = &rest[from..close];
            rest = rest.get(close + from..).unwrap_or("").trim_start();
        }
        if name == wanted {
            return Some(text.to_string());
        }
    }
    None
}
