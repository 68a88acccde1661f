//! Scope is in the statement: the sources are read, and SQL that could cross a duty area is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anlan_store::{Module, OutboxItem, Record};

static MODULES: &[&Module] =
    &[&anlan_web::MODULE, &anlan_register::MODULE, &anlan_monitor::MODULE, &anlan_warn::MODULE, &anlan_command::MODULE];

/// A string literal with where it stands.
#[derive(Debug, PartialEq, Eq)]
struct Literal {
    line: usize,
    function: String,
    text: String,
}

/// What a source holds: its string literals, and where it reads everywhere.
#[derive(Debug, Default, PartialEq, Eq)]
struct Source {
    literals: Vec<Literal>,
    everywhere: Vec<(usize, String)>,
}

/// Takes Rust apart as far as needed: comments, literals, names of functions.
fn read_source(text: &str) -> Source {
    let chars: Vec<char> = text.chars().collect();
    let (mut source, mut function, mut word, mut line, mut i) = (Source::default(), String::new(), String::new(), 1, 0);
    let mut after_fn = false;
    while i < chars.len() {
        let rest = &chars[i..];
        let c = chars[i];
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            i += 1;
            continue;
        }
        if after_fn && !word.is_empty() {
            function = word.clone();
        }
        if word == "query_everywhere" && c == '(' && function != "query_everywhere" {
            source.everywhere.push((line, function.clone()));
        }
        after_fn = if word.is_empty() { after_fn && c.is_whitespace() } else { word == "fn" && c.is_whitespace() };
        let raw = word == "r" || word == "br";
        word.clear();
        match c {
            '/' if rest.get(1) == Some(&'/') => i += rest.iter().take_while(|it| **it != '\n').count(),
            '"' | '#' if raw => {
                let hashes = rest.iter().take_while(|it| **it == '#').count();
                let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                let body = &rest[hashes + 1..];
                let length = body.windows(end.len()).position(|it| it == end).unwrap_or(body.len());
                let text: String = body[..length].iter().collect();
                i += hashes + 1 + length + end.len();
                let lines = text.matches('\n').count();
                source.literals.push(Literal { line, function: function.clone(), text });
                line += lines;
            }
            '"' => {
                let (mut text, mut at) = (String::new(), 1);
                while let Some(next) = rest.get(at).filter(|it| **it != '"') {
                    at += 1 + usize::from(*next == '\\');
                    text.push(*next);
                }
                let whole: String = rest[..at.min(rest.len())].iter().collect();
                source.literals.push(Literal { line, function: function.clone(), text });
                line += whole.matches('\n').count();
                i += at + 1;
            }
            // A character, not a lifetime.
            '\'' if rest.get(1) == Some(&'\\') => i += 4 + rest[3..].iter().take_while(|it| **it != '\'').count(),
            '\'' if rest.get(2) == Some(&'\'') => i += 3,
            _ => {
                line += usize::from(c == '\n');
                i += 1;
            }
        }
    }
    source
}

/// Puts the text constants of a source into the statements that are made of them.
fn with_constants(text: &str, mut source: Source) -> Source {
    for (i, line) in text.lines().enumerate() {
        let Some((name, _)) = line.split_once("const ").and_then(|(_, it)| it.split_once(": &str =")) else { continue };
        let Some(value) = source.literals.iter().find(|it| it.line > i).map(|it| it.text.clone()) else { continue };
        for literal in &mut source.literals {
            literal.text = literal.text.replace(&format!("{{{name}}}"), &value);
        }
    }
    source
}

fn regional() -> BTreeSet<&'static str> {
    let tables = MODULES.iter().flat_map(|it| it.tables).copied().chain([OutboxItem::TABLE]);
    tables.filter(|it| it.region.is_some()).map(|it| it.name).chain(["journal"]).collect()
}

/// The regional table (or one named at run time) that the statement reads or writes without a scope.
fn unscoped(text: &str, regional: &BTreeSet<&str>) -> Option<String> {
    if text.contains("{scope:") || text.contains("CREATE TABLE") || text.contains("CREATE INDEX") {
        return None;
    }
    let mut words = text.split(|c: char| c.is_whitespace() || "(),;\\".contains(c)).filter(|it| !it.is_empty());
    let mut is_sql = false;
    while let Some(word) = words.next() {
        is_sql |= matches!(word, "SELECT" | "UPDATE" | "DELETE" | "INSERT");
        if is_sql && matches!(word, "FROM" | "JOIN" | "INTO" | "UPDATE") {
            let Some(table) = words.next() else { break };
            if regional.contains(table) || table.starts_with('{') {
                return Some(table.to_owned());
            }
        }
    }
    None
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// Every source of the program by its path; `store` has the typed helpers and is trusted with the token.
fn sources() -> BTreeMap<String, Source> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for entry in fs::read_dir(&crates).unwrap() {
        let entry = entry.unwrap();
        let test_only = ["store", "testbed", "powercut"].iter().any(|it| entry.file_name() == *it);
        if !test_only && entry.path().join("src").is_dir() {
            rust_files(&entry.path().join("src"), &mut files);
        }
    }
    files
        .iter()
        .map(|it| {
            let name = it.strip_prefix(&crates).unwrap().display().to_string();
            let text = fs::read_to_string(it).unwrap();
            (name, with_constants(&text, read_source(&text)))
        })
        .collect()
}

#[test]
fn no_statement_names_a_regional_table_without_a_scope() {
    let regional = regional();
    assert!(regional.len() > 8, "{regional:?}");
    let mut found = Vec::new();
    for (path, source) in sources() {
        let everywhere: BTreeSet<_> = source.everywhere.iter().map(|(_, function)| function.as_str()).collect();
        for literal in source.literals.iter().filter(|it| !everywhere.contains(it.function.as_str())) {
            if let Some(table) = unscoped(&literal.text, &regional) {
                found.push(format!("{path}:{} {} names {table}: {}", literal.line, literal.function, literal.text));
            }
        }
    }
    assert!(found.is_empty(), "put {{scope:region}} into the condition:\n{}", found.join("\n"));
}

#[test]
fn what_reads_everywhere_stands_on_the_printed_list() {
    let mut list = BTreeSet::new();
    for (path, source) in sources() {
        for (line, function) in source.everywhere {
            println!("{path}:{line} {function}");
            list.insert(format!("{path} {function}\n"));
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/query_everywhere.txt");
    let printed = fs::read_to_string(&file).unwrap_or_default();
    let now: String = list.into_iter().collect();
    assert_eq!(
        now,
        printed,
        "say in {} who reads over every region, and why it must in its doc comment",
        file.display()
    );
}

#[test]
fn the_inspection_finds_what_it_looks_for() {
    let regional = BTreeSet::from(["card"]);
    let bad = [
        "SELECT id FROM card WHERE id = $1",
        "DELETE FROM card",
        "UPDATE card SET a = 1",
        "SELECT 1 FROM tally t JOIN card c ON 1 = 1",
        "SELECT state FROM {table}",
        "INSERT INTO card(id) VALUES (1)",
        "id IN (SELECT card FROM tally UNION SELECT id FROM card)",
    ];
    for sql in bad {
        assert!(unscoped(sql, &regional).is_some(), "{sql}");
    }
    for sql in [
        "SELECT id FROM card WHERE {scope:region}",
        "SELECT id FROM cards",
        "from card to card",
        "CREATE TABLE card (id)",
    ] {
        assert_eq!(unscoped(sql, &regional), None, "{sql}");
    }
    let source = read_source(
        "// \"SELECT\"\nfn one<'a>(c: char) {\n let _ = ('\"', '\\'', r#\"raw \"x\" text\"#);\n tx.query_everywhere(\"a\\\"b\",\n &[]);\n}\nfn two() { \"c\" }",
    );
    let made = "const IN: &str = \"{scope:region}\";\nfn one() { format!(\"SELECT id FROM card WHERE {IN}\") }";
    let made = with_constants(made, read_source(made));
    assert_eq!(made.literals[1].text, "SELECT id FROM card WHERE {scope:region}");
    let literals: Vec<_> = source.literals.iter().map(|it| (it.line, it.function.as_str(), it.text.as_str())).collect();
    assert_eq!(literals, [(3, "one", "raw \"x\" text"), (4, "one", "a\\b"), (7, "two", "c")]);
    assert_eq!(source.everywhere, [(4, "one".to_owned())]);
}
