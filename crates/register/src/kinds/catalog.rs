//! Every kind, list and audience of the packs in force, joined and proved.

use std::collections::{BTreeMap, BTreeSet};

use anlan_kernel::{Problem, Text};

use super::{
    model::{AudienceRule, CodeList, Field, Kind, Sort},
    read::{self, Defined, Files, Finding},
};

/// What the packs in force define together.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    kinds: BTreeMap<String, Kind>,
    lists: BTreeMap<String, CodeList>,
    audiences: BTreeMap<String, AudienceRule>,
}

/// One pack as far as kinds go.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its id.
    pub id: String,
    /// `id@version`.
    pub name: String,
    /// Packs it needs.
    pub needs: Vec<String>,
    /// Ids of its sources.
    pub sources: Vec<String>,
    /// Its files.
    pub files: Files,
}

/// Findings by pack id.
pub type Findings = Vec<(String, Finding)>;

impl Catalog {
    /// Joins packs. What is wrong is left out of the catalog and named.
    pub fn join(packs: &[Source]) -> (Self, Findings) {
        let mut joiner = Joiner { packs, catalog: Self::default(), findings: Vec::new(), owners: BTreeMap::new() };
        let defined: Vec<(&Source, Defined)> = joiner.read();
        for (pack, it) in &defined {
            joiner.own(pack, it);
        }
        for (pack, it) in &defined {
            joiner.extend(pack, it);
        }
        for (pack, it) in &defined {
            joiner.prove(pack, it);
        }
        (joiner.catalog, joiner.findings)
    }

    /// A kind by its id.
    pub fn kind(&self, id: &str) -> Option<&Kind> {
        self.kinds.get(id)
    }

    /// Every kind, by id.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }

    /// Kinds by heading, in the order in which headings first stand.
    pub fn groups(&self) -> Vec<(&Text, Vec<&Kind>)> {
        let mut groups = Vec::<(&Text, Vec<&Kind>)>::new();
        for kind in self.kinds.values() {
            match groups.iter_mut().find(|it| it.0.zh == kind.group.zh) {
                Some(group) => group.1.push(kind),
                None => groups.push((&kind.group, vec![kind])),
            }
        }
        groups
    }

    /// A code list by its id.
    pub fn list(&self, id: &str) -> Option<&CodeList> {
        self.lists.get(id)
    }

    /// The code list of a choice.
    pub fn list_of(&self, field: &Field) -> Option<&CodeList> {
        match &field.sort {
            Sort::Choice(list) => self.lists.get(list),
            _ => None,
        }
    }

    /// Audiences, by id.
    pub fn audiences(&self) -> impl Iterator<Item = &AudienceRule> {
        self.audiences.values()
    }

    /// An audience by its id.
    pub fn audience(&self, id: &str) -> Option<&AudienceRule> {
        self.audiences.get(id)
    }
}

struct Joiner<'a> {
    packs: &'a [Source],
    catalog: Catalog,
    findings: Findings,
    /// Which pack defines a kind, a list, an audience, or a field (`kind.field`).
    owners: BTreeMap<(&'static str, String), String>,
}

impl<'a> Joiner<'a> {
    fn found(&mut self, pack: &Source, file: &str, line: usize, field: &str, code: &str, words: (String, String)) {
        let problem = Problem::new(code, words.0, words.1).line(line).field(field);
        self.findings.push((pack.id.clone(), (file.to_owned(), problem)));
    }

    /// Packs whose needs are met, each after what it needs.
    fn read(&mut self) -> Vec<(&'a Source, Defined)> {
        let known: BTreeSet<&str> = self.packs.iter().map(|it| it.id.as_str()).collect();
        let mut read = Vec::new();
        for pack in self.packs {
            for missing in pack.needs.iter().filter(|it| !known.contains(it.as_str())) {
                let zh = format!("需要业务包 {missing}，它没有启用");
                self.found(
                    pack,
                    "pack.toml",
                    1,
                    "needs",
                    "needs_pack",
                    (zh, format!("needs the pack {missing}, which is not active")),
                );
            }
            let (defined, findings) = read::read(&pack.name, &pack.files);
            self.findings.extend(findings.into_iter().map(|it| (pack.id.clone(), it)));
            read.push((pack, defined));
        }
        read
    }

    /// Whether the pack is the first to define it; a second one is a fault.
    fn is_first(&mut self, pack: &Source, what: (&'static str, &str), name: &str, file: &str, line: usize) -> bool {
        let owner = self.owners.entry((what.0, name.to_owned())).or_insert_with(|| pack.id.clone());
        if *owner == pack.id && !self.seen_twice(what.0, name) {
            return true;
        }
        let owner = self.owners[&(what.0, name.to_owned())].clone();
        let zh = format!("{} {name} 在业务包 {owner} 里已有定义", what.1);
        self.found(
            pack,
            file,
            line,
            name,
            "defined_twice",
            (zh, format!("{name} is defined by the pack {owner} already")),
        );
        false
    }

    /// Whether the catalog holds it already: the same pack defines it a second time.
    fn seen_twice(&self, what: &str, name: &str) -> bool {
        match what {
            "kind" => self.catalog.kinds.contains_key(name),
            "list" => self.catalog.lists.contains_key(name),
            "audience" => self.catalog.audiences.contains_key(name),
            _ => false,
        }
    }

    fn own(&mut self, pack: &Source, defined: &Defined) {
        for list in &defined.lists {
            if self.is_first(pack, ("list", "代码表"), &list.id, &format!("lists/{}.csv", list.id), 1) {
                self.catalog.lists.insert(list.id.clone(), list.clone());
            }
        }
        for (kind, line) in &defined.kinds {
            if self.is_first(pack, ("kind", "类别"), &kind.id, "kinds.toml", *line) {
                for field in &kind.fields {
                    self.owners.insert(("field", format!("{}.{}", kind.id, field.id)), pack.id.clone());
                }
                self.catalog.kinds.insert(kind.id.clone(), kind.clone());
            }
        }
    }

    fn extend(&mut self, pack: &Source, defined: &Defined) {
        for (extension, line) in &defined.extensions {
            let (id, line) = (&extension.kind, *line);
            let Some(owner) = self.owners.get(&("kind", id.clone())).cloned() else {
                let words = (format!("没有类别 {id}"), format!("there is no kind {id}"));
                self.found(pack, "kinds.toml", line, id, "unknown_kind", words);
                continue;
            };
            if owner != pack.id && !pack.needs.contains(&owner) {
                let zh = format!("给类别 {id} 加字段，要在 pack.toml 的 needs 里写 {owner}");
                self.found(
                    pack,
                    "kinds.toml",
                    line,
                    id,
                    "needs_pack",
                    (zh, format!("to extend {id}, name {owner} in needs")),
                );
            }
            for field in &extension.fields {
                let name = format!("{id}.{}", field.id);
                let taken = self.owners.insert(("field", name.clone()), pack.id.clone());
                if let Some(first) = taken {
                    let zh = format!("字段 {name} 在业务包 {first} 里已有定义");
                    let en = format!("the field {name} is defined by the pack {first} already");
                    self.owners.insert(("field", name.clone()), first);
                    self.found(pack, "kinds.toml", line, &name, "defined_twice", (zh, en));
                } else if let Some(kind) = self.catalog.kinds.get_mut(id) {
                    kind.fields.push(field.clone());
                }
            }
            if let Some(kind) = self.catalog.kinds.get_mut(id) {
                kind.checks.extend(extension.checks.iter().cloned());
            }
        }
    }

    fn prove(&mut self, pack: &Source, defined: &Defined) {
        let own: Vec<(Kind, usize)> = defined
            .kinds
            .iter()
            .map(|it| (it.0.id.clone(), it.1))
            .chain(defined.extensions.iter().map(|it| (it.0.kind.clone(), it.1)))
            .filter_map(|(id, line)| Some((self.catalog.kinds.get(&id)?.clone(), line)))
            .collect();
        for (kind, line) in own {
            self.prove_kind(pack, &kind, line);
        }
        for (audience, line) in &defined.audiences {
            if self.is_first(pack, ("audience", "受众"), &audience.id, "audiences.toml", *line)
                && self.prove_audience(pack, audience, *line)
            {
                self.catalog.audiences.insert(audience.id.clone(), audience.clone());
            }
        }
    }

    fn prove_kind(&mut self, pack: &Source, kind: &Kind, line: usize) {
        let file = "kinds.toml";
        let mut named = vec![("name", kind.name.as_str())];
        named.extend(kind.key.iter().map(|it| ("key", it.as_str())));
        named.extend(kind.grade.iter().map(|it| ("grade", it.as_str())));
        named.extend(kind.responsible.iter().map(|it| ("responsible", it.as_str())));
        for check in &kind.checks {
            named.push(("check", &check.field));
            named.extend(check.when.fields().into_iter().map(|it| ("check", it)));
        }
        for field in &kind.fields {
            named.extend(field.computed.iter().flat_map(|it| it.fields()).map(|it| ("computed", it)));
        }
        for (what, name) in named {
            if kind.field(name).is_none() {
                let zh = format!("{what} 里的字段 {name} 不在类别 {} 里", kind.id);
                self.found(pack, file, line, name, "unknown_field", (zh, format!("{} has no field {name}", kind.id)));
            }
        }
        if let Some(grade) = kind.grade.as_deref().and_then(|it| kind.field(it))
            && !matches!(grade.sort, Sort::Choice(_))
        {
            let words = ("grade 要指向选项字段".to_owned(), "grade wants a choice field".to_owned());
            self.found(pack, file, line, &grade.id, "bad_grade", words);
        }
        for source in kind.sources.iter().filter(|it| !pack.sources.contains(it)) {
            if kind.pack == pack.name {
                let words = (format!("pack.toml 没有出处 {source}"), format!("pack.toml has no source {source}"));
                self.found(pack, file, line, source, "unknown_source", words);
            }
        }
        for field in &kind.fields {
            match &field.sort {
                Sort::Choice(list) if !self.catalog.lists.contains_key(list) => {
                    let words =
                        (format!("字段 {} 的代码表 {list} 不存在", field.id), format!("there is no list {list}"));
                    self.found(pack, file, line, &field.id, "unknown_list", words);
                }
                Sort::Link(other) if !self.catalog.kinds.contains_key(other) => {
                    let words =
                        (format!("字段 {} 关联的类别 {other} 不存在", field.id), format!("there is no kind {other}"));
                    self.found(pack, file, line, &field.id, "unknown_kind", words);
                }
                _ => {}
            }
            for role in field.visible_to.iter().filter(|it| anlan_web::roles::permissions(it).is_none()) {
                let words = (format!("没有角色 {role}"), format!("there is no role {role}"));
                self.found(pack, file, line, &field.id, "unknown_role", words);
            }
        }
    }

    /// A path leads over links to somebody who can be called.
    fn prove_audience(&mut self, pack: &Source, audience: &AudienceRule, line: usize) -> bool {
        let fault = |joiner: &mut Self, name: &str, code: &str, zh: String, en: String| {
            joiner.found(pack, "audiences.toml", line, name, code, (zh, en));
            false
        };
        let Some(kind) = self.catalog.kinds.get(&audience.kind).cloned() else {
            let id = &audience.kind;
            return fault(self, id, "unknown_kind", format!("没有类别 {id}"), format!("there is no kind {id}"));
        };
        let unknown = audience.condition.iter().flat_map(|it| it.fields()).find(|it| kind.field(it).is_none());
        if let Some(name) = unknown {
            let zh = format!("where 里的字段 {name} 不在类别 {} 里", kind.id);
            return fault(self, name, "unknown_field", zh, format!("{} has no field {name}", kind.id));
        }
        let mut at = kind;
        for (step, name) in audience.path.iter().enumerate() {
            let last = step + 1 == audience.path.len();
            if last && name == "duty_room" {
                return true;
            }
            let Some(field) = at.field(name).cloned() else {
                let zh = format!("path 里的字段 {name} 不在类别 {} 里", at.id);
                return fault(self, name, "unknown_field", zh, format!("{} has no field {name}", at.id));
            };
            let callable = matches!(field.sort, Sort::Person | Sort::Post | Sort::Organisation)
                || field.format == Some(super::formats::Format::Phone);
            match (&field.sort, last) {
                (_, true) if callable => return true,
                (Sort::Link(next), false) => match self.catalog.kinds.get(next) {
                    Some(next) => at = next.clone(),
                    None => return false,
                },
                _ => {
                    let zh = format!("path 的 {name} 叫不到人：最后一个应是人员、岗位、单位或电话，前面的应是关联");
                    let en = format!("{name} leads to nobody: links first, a person, post, organisation or phone last");
                    return fault(self, name, "bad_path", zh, en);
                }
            }
        }
        false
    }
}
