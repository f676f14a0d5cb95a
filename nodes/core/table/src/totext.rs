//! table/to_text: a table for people, as aligned text, Markdown or HTML.

use crate::cell::Cell;
use crate::frame::{Column, Frame, Kind};
use crate::levee;
use crate::number::grouped;

/// Inputs: table, style, limit, digits. Output: text.
pub fn to_text() {
    let raw = levee::bytes(0);
    let frame = Frame::of(&raw);
    let (limit, digits) = (usize::try_from(levee::int(2)).unwrap_or(0), levee::given(3).then(|| levee::int(3) as usize));
    let rows = if limit == 0 { frame.rows } else { frame.rows.min(limit) };
    let show = |c: &Column, i: usize| match (c.cell(i), digits) {
        (Cell::Float(f), Some(d)) if f.is_finite() => grouped(&format!("{f:.d$}")),
        (Cell::Int(n), Some(_)) => grouped(&n.to_string()),
        (cell, _) => cell.text().into_owned(),
    };
    let mut grid = vec![frame.columns.iter().map(|c| c.name.to_string()).collect::<Vec<String>>()];
    grid.extend((0..rows).map(|i| frame.columns.iter().map(|c| show(c, i)).collect()));
    let right: Vec<bool> = frame.columns.iter().map(|c| matches!(c.kind, Kind::Int | Kind::Float)).collect();
    let mut text = match levee::string(1).as_str() {
        "markdown" => markdown(&grid, &right),
        "html" => html(&grid, &right),
        _ => aligned(&grid, &right),
    };
    if rows < frame.rows {
        let note = format!("{} of {} rows", rows, frame.rows);
        text += &if levee::string(1) == "html" { format!("<p>{note}</p>\n") } else { format!("\n{note}\n") };
    }
    levee::put_str(0, &text);
}

fn widths(grid: &[Vec<String>]) -> Vec<usize> {
    let columns = grid[0].len();
    (0..columns).map(|c| grid.iter().map(|r| r[c].chars().count()).max().unwrap_or(0)).collect()
}

fn padded(cell: &str, width: usize, right: bool) -> String {
    if right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
}

fn aligned(grid: &[Vec<String>], right: &[bool]) -> String {
    let grid: Vec<Vec<String>> = grid.iter().map(|r| r.iter().map(|c| one_line(c)).collect()).collect();
    let widths = widths(&grid);
    let mut out = String::new();
    for (n, row) in grid.iter().enumerate() {
        let cells: Vec<String> = row.iter().enumerate().map(|(c, cell)| padded(cell, widths[c], right[c])).collect();
        out += cells.join("  ").trim_end();
        out.push('\n');
        if n == 0 {
            let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
            out += &rule.join("  ");
            out.push('\n');
        }
    }
    out
}

fn one_line(cell: &str) -> String {
    cell.replace(['\n', '\r', '\t'], " ")
}

fn markdown(grid: &[Vec<String>], right: &[bool]) -> String {
    let grid: Vec<Vec<String>> = grid.iter().map(|r| r.iter().map(|c| one_line(c).replace('|', "\\|")).collect()).collect();
    let widths: Vec<usize> = widths(&grid).into_iter().map(|w| w.max(3)).collect();
    let mut out = String::new();
    for (n, row) in grid.iter().enumerate() {
        let cells: Vec<String> = row.iter().enumerate().map(|(c, cell)| padded(cell, widths[c], right[c])).collect();
        out += &format!("| {} |\n", cells.join(" | "));
        if n == 0 {
            let rule = |(c, w): (usize, &usize)| if right[c] { "-".repeat(w - 1) + ":" } else { "-".repeat(*w) };
            let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
            out += &format!("| {} |\n", rules.join(" | "));
        }
    }
    out
}

fn html(grid: &[Vec<String>], right: &[bool]) -> String {
    let mut out = String::from("<table>\n");
    for (n, row) in grid.iter().enumerate() {
        let tag = if n == 0 { "th" } else { "td" };
        out += "<tr>";
        for (c, cell) in row.iter().enumerate() {
            let align = if right[c] { " style=\"text-align:right\"" } else { "" };
            let cell = cell.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            out += &format!("<{tag}{align}>{cell}</{tag}>");
        }
        out += "</tr>\n";
    }
    out + "</table>\n"
}
