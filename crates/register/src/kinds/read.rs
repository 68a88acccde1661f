//! Kinds, code lists and audiences out of the files of a pack; every fault with its file and line.

use std::{collections::BTreeMap, time::Duration};

use anlan_kernel::{Problem, Text};
use serde::{Deserialize, de::DeserializeOwned};
use toml::Spanned;

use super::{
    expression::Expression,
    formats::Format,
    model::{AudienceRule, Bound, Check, Code, CodeList, Field, Kind, Pattern, Personal, Placing, Sort, Symbol},
};

/// What is wrong with a pack: the file within it, and what.
pub type Finding = (String, Problem);

/// The files of a pack by their path within it.
pub type Files = BTreeMap<String, String>;

/// What the files of one pack define; references to other packs are still open.
#[derive(Clone, Debug, Default)]
pub struct Defined {
    /// Kinds of its own.
    pub kinds: Vec<(Kind, usize)>,
    /// Fields and checks for kinds of other packs, with the line.
    pub extensions: Vec<(Extension, usize)>,
    /// Code lists.
    pub lists: Vec<CodeList>,
    /// Audiences.
    pub audiences: Vec<(AudienceRule, usize)>,
}

/// What a pack adds to a kind of another.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The kind.
    pub kind: String,
    /// Fields.
    pub fields: Vec<Field>,
    /// Checks.
    pub checks: Vec<Check>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindsFile {
    #[serde(default)]
    kind: Vec<RawKind>,
    #[serde(default)]
    extend: Vec<RawExtension>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKind {
    id: Spanned<String>,
    title: Text,
    group: Text,
    name: String,
    #[serde(default)]
    key: Vec<String>,
    place: Option<String>,
    #[serde(default)]
    placed: bool,
    symbol: Option<String>,
    grade: Option<String>,
    verify_every: Option<String>,
    responsible: Option<String>,
    #[serde(default)]
    sources: Vec<String>,
    #[serde(default)]
    field: Vec<RawField>,
    #[serde(default)]
    check: Vec<RawCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExtension {
    kind: Spanned<String>,
    #[serde(default)]
    field: Vec<RawField>,
    #[serde(default)]
    check: Vec<RawCheck>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawField {
    id: Spanned<String>,
    title: Text,
    #[serde(default)]
    also: Vec<String>,
    r#type: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    many: bool,
    min: Option<toml::Value>,
    max: Option<toml::Value>,
    decimals: Option<u8>,
    unit: Option<String>,
    length: Option<usize>,
    pattern: Option<String>,
    pattern_words: Option<Text>,
    format: Option<String>,
    list: Option<String>,
    kind: Option<String>,
    computed: Option<String>,
    personal: Option<String>,
    #[serde(default)]
    visible_to: Vec<String>,
    #[serde(default)]
    search: bool,
    #[serde(default)]
    filter: bool,
    #[serde(default)]
    column: bool,
    sum: Option<bool>,
    default: Option<toml::Value>,
    help: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    when: Spanned<String>,
    field: String,
    words: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AudiencesFile {
    #[serde(default)]
    audience: Vec<RawAudience>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAudience {
    id: Spanned<String>,
    title: Text,
    kind: String,
    r#where: Option<String>,
    path: String,
}

/// Reads a TOML file; its fault names the line.
///
/// # Errors
/// `bad_toml`.
pub fn toml_file<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    toml::from_str(text).map_err(|it| {
        let words = it.message().trim().to_owned();
        let line = it.span().map_or(1, |span| line_of(text, span.start));
        Problem::new("bad_toml", format!("写法不对：{words}"), words).line(line)
    })
}

/// The line, from 1, of a byte of a text.
pub fn line_of(text: &str, byte: usize) -> usize {
    text.as_bytes().iter().take(byte).filter(|it| **it == b'\n').count() + 1
}

/// Whether a text may be an id; `separator` is what joins its words.
pub fn is_id(text: &str, separator: char) -> bool {
    text.starts_with(|it: char| it.is_ascii_lowercase())
        && text.len() <= 40
        && text.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == separator)
}

/// Reads what a pack defines. `name` is its `id@version`.
pub fn read(name: &str, files: &Files) -> (Defined, Vec<Finding>) {
    let mut reader = Reader { name, findings: Vec::new(), file: String::new(), text: "" };
    let mut defined = Defined::default();
    if let Some(text) = files.get("kinds.toml") {
        reader.open("kinds.toml", text);
        match toml_file::<KindsFile>(text) {
            Ok(file) => {
                defined.kinds = file.kind.into_iter().filter_map(|it| reader.kind(it)).collect();
                defined.extensions = file.extend.into_iter().map(|it| reader.extension(it)).collect();
            }
            Err(problem) => reader.found(problem),
        }
    }
    for (path, text) in files {
        let Some(id) = path.strip_prefix("lists/").and_then(|it| it.strip_suffix(".csv")) else { continue };
        reader.open(path, text);
        let list = reader.list(id, text);
        defined.lists.push(list);
    }
    if let Some(text) = files.get("audiences.toml") {
        reader.open("audiences.toml", text);
        match toml_file::<AudiencesFile>(text) {
            Ok(file) => defined.audiences = file.audience.into_iter().filter_map(|it| reader.audience(it)).collect(),
            Err(problem) => reader.found(problem),
        }
    }
    (defined, reader.findings)
}

struct Reader<'a> {
    name: &'a str,
    findings: Vec<Finding>,
    file: String,
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn open(&mut self, file: &str, text: &'a str) {
        (self.file, self.text) = (file.to_owned(), text);
    }

    fn found(&mut self, problem: Problem) {
        self.findings.push((self.file.clone(), problem));
    }

    fn wrong(&mut self, line: usize, field: &str, code: &str, zh: String, en: String) {
        self.found(Problem::new(code, zh, en).line(line).field(field));
    }

    fn line<T>(&self, spanned: &Spanned<T>) -> usize {
        line_of(self.text, spanned.span().start)
    }

    /// The value of a name in a table of names.
    fn named<T: Copy>(&mut self, line: usize, field: &str, name: &str, table: &[(&str, T)]) -> Option<T> {
        let found = table.iter().find(|it| it.0 == name).map(|it| it.1);
        if found.is_none() {
            let known = table.iter().map(|it| it.0).collect::<Vec<_>>().join("、");
            let (zh, en) = (format!("没有 {name}；可用：{known}"), format!("{name} is none of {known}"));
            self.wrong(line, field, "unknown_name", zh, en);
        }
        found
    }

    fn id(&mut self, id: &Spanned<String>, separator: char) -> bool {
        let fine = is_id(id.get_ref(), separator);
        if !fine {
            let (line, words) = (self.line(id), id.get_ref().clone());
            let zh = format!("编号 {words} 应以小写字母开头，只用小写字母、数字和 {separator}，不超过 40 个字符");
            let en =
                format!("{words} is no id: lower-case letters, digits and {separator}, a letter first, at most 40");
            self.wrong(line, &words, "bad_id", zh, en);
        }
        fine
    }

    fn kind(&mut self, raw: RawKind) -> Option<(Kind, usize)> {
        let line = self.line(&raw.id);
        if !self.id(&raw.id, '-') {
            return None;
        }
        let id = raw.id.into_inner();
        let placing = raw.place.map_or(Some(Placing::None), |it| self.named(line, "place", &it, Placing::ALL));
        let symbol = raw.symbol.map_or(Some(Symbol::Circle), |it| self.named(line, "symbol", &it, Symbol::ALL));
        let verify_every = raw.verify_every.and_then(|it| self.days(line, &it));
        let fields = self.fields(raw.field);
        let checks = self.checks(raw.check);
        let kind = Kind {
            id: id.clone(),
            title: raw.title,
            group: raw.group,
            name: raw.name,
            key: raw.key,
            place: placing?,
            placed: raw.placed,
            symbol: symbol?,
            grade: raw.grade,
            verify_every,
            responsible: raw.responsible,
            sources: raw.sources,
            fields,
            checks,
            pack: self.name.to_owned(),
        };
        if kind.placed && kind.place == Placing::None {
            let (zh, en) = ("placed 要先写明 place", "placed wants a place");
            self.wrong(line, &id, "no_place", zh.to_owned(), en.to_owned());
        }
        Some((kind, line))
    }

    fn extension(&mut self, raw: RawExtension) -> (Extension, usize) {
        let line = self.line(&raw.kind);
        let (fields, checks) = (self.fields(raw.field), self.checks(raw.check));
        (Extension { kind: raw.kind.into_inner(), fields, checks }, line)
    }

    fn fields(&mut self, raw: Vec<RawField>) -> Vec<Field> {
        let mut fields = Vec::<Field>::new();
        for raw in raw {
            let (line, id) = (self.line(&raw.id), raw.id.get_ref().clone());
            let Some(field) = self.field(raw) else { continue };
            if fields.iter().any(|it| it.id == id) {
                let (zh, en) = (format!("字段 {id} 定义了两次"), format!("the field {id} is defined twice"));
                self.wrong(line, &id, "twice", zh, en);
                continue;
            }
            fields.push(field);
        }
        fields
    }

    fn field(&mut self, raw: RawField) -> Option<Field> {
        let line = self.line(&raw.id);
        if !self.id(&raw.id, '_') {
            return None;
        }
        let id = raw.id.into_inner();
        let sort = self.sort(line, &id, &raw.r#type, raw.list, raw.kind)?;
        let pattern = raw.pattern.and_then(|it| self.pattern(line, &id, &it, raw.pattern_words));
        let format = raw.format.and_then(|it| self.named(line, &id, &it, Format::ALL));
        let personal = raw.personal.and_then(|it| self.named(line, &id, &it, Personal::ALL));
        let (min, max) = (self.bound(line, &id, &sort, raw.min), self.bound(line, &id, &sort, raw.max));
        let computed = raw.computed.and_then(|it| self.expression(line, &id, &it));
        let many_fits = matches!(
            sort,
            Sort::Choice(_) | Sort::Link(_) | Sort::Person | Sort::Organisation | Sort::Photo | Sort::File
        );
        let number = matches!(sort, Sort::Number | Sort::Money);
        let has_unit = raw.unit.is_some() || sort == Sort::Money;
        let contradictions = [
            (
                raw.many && !many_fits,
                "many 只用于选项、人员、单位、关联、照片和附件",
                "many fits choice, person, organisation, link, photo and file",
            ),
            (
                raw.unique && (raw.many || personal.is_some()),
                "unique 不能用于多值或个人信息",
                "unique fits neither several values nor personal data",
            ),
            (raw.filter && personal.is_some(), "个人信息不能作筛选条件", "personal data is no condition of a list"),
            (raw.required && computed.is_some(), "计算字段不能要求填写", "nobody can enter a computed field"),
        ];
        for (_, zh, en) in contradictions.iter().filter(|it| it.0) {
            self.wrong(line, &id, "contradiction", (*zh).to_owned(), (*en).to_owned());
        }
        Some(Field {
            title: raw.title,
            also: raw.also,
            required: raw.required,
            unique: raw.unique,
            many: raw.many,
            min,
            max,
            decimals: if sort == Sort::Money { Some(2) } else { raw.decimals },
            unit: raw.unit.or_else(|| (sort == Sort::Money).then(|| "元".to_owned())),
            length: raw.length.unwrap_or(if sort == Sort::Text(true) { 5_000 } else { 200 }),
            pattern,
            format,
            computed,
            personal,
            visible_to: raw.visible_to,
            search: raw.search,
            filter: raw.filter,
            column: raw.column,
            sum: raw.sum.unwrap_or(raw.filter && has_unit) && number && personal.is_none(),
            default: raw.default.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned)),
            help: raw.help,
            pack: self.name.to_owned(),
            sort,
            id,
        })
    }

    fn sort(&mut self, line: usize, id: &str, name: &str, list: Option<String>, kind: Option<String>) -> Option<Sort> {
        let plain = [
            ("text", Sort::Text(false)),
            ("long_text", Sort::Text(true)),
            ("number", Sort::Number),
            ("money", Sort::Money),
            ("date", Sort::Date),
            ("time", Sort::Time),
            ("yes_no", Sort::YesNo),
            ("person", Sort::Person),
            ("post", Sort::Post),
            ("organisation", Sort::Organisation),
            ("region", Sort::Region),
            ("photo", Sort::Photo),
            ("file", Sort::File),
            ("signature", Sort::Signature),
        ];
        match (name, list, kind) {
            ("choice", Some(list), _) => Some(Sort::Choice(list)),
            ("link", _, Some(kind)) => Some(Sort::Link(kind)),
            ("choice" | "link", ..) => {
                let missing = if name == "choice" { "list" } else { "kind" };
                let (zh, en) = (format!("{name} 要写明 {missing}"), format!("a {name} names its {missing}"));
                self.wrong(line, id, "missing", zh, en);
                None
            }
            _ => {
                let found = plain.iter().find(|it| it.0 == name).map(|it| it.1.clone());
                if found.is_none() {
                    let known = plain.iter().map(|it| it.0).chain(["choice", "link"]).collect::<Vec<_>>().join("、");
                    let (zh, en) = (format!("没有类型 {name}；可用：{known}"), format!("{name} is none of {known}"));
                    self.wrong(line, id, "unknown_name", zh, en);
                }
                found
            }
        }
    }

    fn pattern(&mut self, line: usize, id: &str, pattern: &str, words: Option<Text>) -> Option<Pattern> {
        let Some(words) = words else {
            let (zh, en) = ("pattern 要有 pattern_words", "a pattern wants pattern_words");
            self.wrong(line, id, "missing", zh.to_owned(), en.to_owned());
            return None;
        };
        match regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build() {
            Ok(regex) => Some(Pattern { regex, words }),
            Err(error) => {
                let en = error.to_string().lines().last().unwrap_or_default().to_owned();
                self.wrong(line, id, "bad_pattern", format!("pattern 不是正则表达式：{en}"), en);
                None
            }
        }
    }

    fn bound(&mut self, line: usize, id: &str, sort: &Sort, value: Option<toml::Value>) -> Option<Bound> {
        let value = value?;
        let bound = match (sort, &value) {
            (Sort::Number | Sort::Money, toml::Value::Integer(it)) => Some(Bound::Number(*it as f64)),
            (Sort::Number | Sort::Money, toml::Value::Float(it)) => Some(Bound::Number(*it)),
            (Sort::Date, toml::Value::Datetime(it)) => Some(Bound::Day(it.to_string())),
            _ => None,
        };
        if bound.is_none() {
            let (zh, en) =
                ("min、max 用于数字、金额和日期，写法如 10 或 1990-01-01", "min and max bound a number, money or date");
            self.wrong(line, id, "bad_bound", zh.to_owned(), en.to_owned());
        }
        bound
    }

    fn expression(&mut self, line: usize, field: &str, text: &str) -> Option<Expression> {
        Expression::parse(text).map_err(|it| self.found(it.line(line).field(field))).ok()
    }

    fn checks(&mut self, raw: Vec<RawCheck>) -> Vec<Check> {
        let mut checks = Vec::new();
        for RawCheck { when, field, words } in raw {
            let line = self.line(&when);
            if let Some(when) = self.expression(line, &field, when.get_ref()) {
                checks.push(Check { when, field, words });
            }
        }
        checks
    }

    fn audience(&mut self, raw: RawAudience) -> Option<(AudienceRule, usize)> {
        let line = self.line(&raw.id);
        if !self.id(&raw.id, '-') {
            return None;
        }
        let id = raw.id.into_inner();
        let condition = match raw.r#where {
            Some(text) => Some(self.expression(line, &id, &text)?),
            None => None,
        };
        let path = raw.path.split('.').map(|it| it.trim().to_owned()).collect();
        let pack = self.name.to_owned();
        Some((AudienceRule { id, title: raw.title, kind: raw.kind, condition, path, pack }, line))
    }

    fn days(&mut self, line: usize, text: &str) -> Option<Duration> {
        let days: Option<u64> = text.strip_suffix('d').and_then(|it| it.parse().ok()).filter(|it| *it > 0);
        if days.is_none() {
            let (zh, en) = ("verify_every 写法如 \"365d\"", "verify_every is written \"365d\"");
            self.wrong(line, "verify_every", "bad_duration", zh.to_owned(), en.to_owned());
        }
        days.map(|it| Duration::from_secs(it * 86_400))
    }

    fn list(&mut self, id: &str, text: &str) -> CodeList {
        if !is_id(id, '-') {
            let (zh, en) = (format!("代码表名 {id} 不合规则"), format!("{id} is no id of a list"));
            self.wrong(1, id, "bad_id", zh, en);
        }
        let mut codes = Vec::<Code>::new();
        let mut seen = BTreeMap::new();
        let mut reader =
            csv::ReaderBuilder::new().flexible(false).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        for (at, row) in reader.deserialize::<RawCode>().enumerate() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    let line = error.position().map_or(at + 2, |it| usize::try_from(it.line()).unwrap_or(1));
                    let en = error.to_string();
                    self.wrong(line, "code", "bad_list", format!("这一行读不出来：{en}"), en);
                    continue;
                }
            };
            let line = at + 2;
            if row.code.is_empty() || row.zh.is_empty() {
                self.wrong(
                    line,
                    "code",
                    "missing",
                    "code 和 zh 不能为空".to_owned(),
                    "code and zh are needed".to_owned(),
                );
            }
            if let Some(first) = seen.insert(row.code.clone(), line) {
                let zh = format!("代码 {} 在第 {first} 行已有", row.code);
                let en = format!("the code {} stands in line {first} already", row.code);
                self.wrong(line, &row.code, "twice", zh, en);
            }
            let also = row.also.split(';').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
            let parent = Some(row.parent).filter(|it| !it.is_empty());
            codes.push(Code { code: row.code, title: Text::new(row.zh, row.en), parent, also });
        }
        self.tree(&codes, &seen);
        CodeList::new(id, codes)
    }

    /// Every parent is a code, and nothing stands below itself.
    fn tree(&mut self, codes: &[Code], lines: &BTreeMap<String, usize>) {
        let parents: BTreeMap<&str, &str> =
            codes.iter().filter_map(|it| Some((it.code.as_str(), it.parent.as_deref()?))).collect();
        for (code, parent) in &parents {
            let line = lines.get(*code).copied().unwrap_or(1);
            if !lines.contains_key(*parent) {
                let (zh, en) =
                    (format!("上级代码 {parent} 不在表里"), format!("the parent {parent} is not in the list"));
                self.wrong(line, code, "unknown_parent", zh, en);
            }
            let mut above = Some(*parent);
            for _ in 0..=parents.len() {
                above = above.and_then(|it| parents.get(it).copied());
            }
            if above.is_some() {
                let (zh, en) = (format!("代码 {code} 的上级绕成了圈"), format!("the parents of {code} form a circle"));
                self.wrong(line, code, "circle", zh, en);
            }
        }
    }
}

#[derive(Deserialize)]
struct RawCode {
    code: String,
    zh: String,
    #[serde(default)]
    en: String,
    #[serde(default)]
    parent: String,
    #[serde(default)]
    also: String,
}
