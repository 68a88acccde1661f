//! What one paper says differently from the one before, line by line.

use super::{
    draft::names,
    model::Paper,
    send::{reason_title, short},
};

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Same(String),
    Gone(String),
    New(String),
}

/// A paper as lines of text, in the order of its page.
pub(crate) fn lines(paper: &Paper) -> Vec<String> {
    let content = &paper.content;
    let mut lines = vec![content.title.clone()];
    for it in &content.facts.signals {
        lines.push(format!("{}（{}）：“{}”", it.issuer, short(it.issued_at), it.text));
    }
    for it in &content.facts.measured {
        lines.push(format!("{} {}（{}起）", it.station, it.title.zh, short(it.since)));
    }
    lines.push(format!("影响区域：{}", names(&content.places)));
    if !content.reason.is_empty() {
        lines.push(format!("{}：{}", reason_title(paper.kind), content.reason));
    }
    lines.extend(content.advice.lines().map(str::to_owned));
    lines.extend(content.measures.iter().cloned());
    lines.push(format!("有效至：{}", short(content.until)));
    lines
}

/// The longest common lines stay; the rest is gone or new.
pub(crate) fn compare(old: &[String], new: &[String]) -> Vec<Line> {
    let (rows, columns) = (old.len(), new.len());
    let mut common = vec![vec![0usize; columns + 1]; rows + 1];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < rows || j < columns {
        if i < rows && j < columns && old[i] == new[j] {
            lines.push(Line::Same(old[i].clone()));
            (i, j) = (i + 1, j + 1);
        } else if j == columns || (i < rows && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(Line::Gone(old[i].clone()));
            i += 1;
        } else {
            lines.push(Line::New(new[j].clone()));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Line::*, compare};

    #[test]
    fn what_stays_stays_and_the_rest_is_gone_or_new() {
        let text = |it: &str| it.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let lines = compare(&text("a b c d"), &text("a x c d e"));
        let want =
            [Same("a".into()), Gone("b".into()), New("x".into()), Same("c".into()), Same("d".into()), New("e".into())];
        assert_eq!(lines, want);
    }
}
