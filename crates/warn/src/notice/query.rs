//! What is looked for on the list of notices, and in which order.

use anlan_kernel::{Problem, RegionCode};
use anlan_store::Value;
use anlan_web::percent;
use serde::Deserialize;

use super::model::Standing;

/// Orders of the list, as `sort=` names them, with their words and SQL.
pub(crate) const SORTS: [(&str, &str, &str, &str); 4] = [
    ("newest", "最新起草在前", "newest first", "n.opened_at DESC, n.id DESC"),
    ("changed", "最近变动在前", "latest change first", "n.changed_at DESC, n.id DESC"),
    ("state", "生效在前", "in force first", STATE),
    ("number", "按文号", "by number", "COALESCE(n.number, ''), n.id"),
];

const STATE: &str = "CASE n.standing WHEN 'in_force' THEN 0 WHEN 'unissued' THEN 1 WHEN 'lifted' THEN 2 ELSE 3 END,
                     n.changed_at DESC, n.id DESC";

/// What the list takes beside.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct NoticeQuery {
    /// `unissued`, `in_force`, `lifted`, `withdrawn`; several with commas.
    pub state: Option<String>,
    pub process: Option<String>,
    pub hat: Option<String>,
    pub region: Option<String>,
    /// Letters of the title or the number.
    pub q: Option<String>,
    /// One of [`SORTS`]. Pages follow by `page`; by `cursor` only where the newest stand first.
    pub sort: Option<String>,
    /// From 1.
    pub page: Option<String>,
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|it| it.trim()).filter(|it| !it.is_empty())
}

impl NoticeQuery {
    /// The order asked for, or the first.
    pub fn order(&self) -> (&'static str, &'static str, &'static str, &'static str) {
        SORTS.into_iter().find(|it| self.sort.as_deref() == Some(it.0)).unwrap_or(SORTS[0])
    }

    /// The page asked for, from 1.
    pub fn page(&self) -> i64 {
        self.page.as_deref().and_then(|it| it.parse().ok()).unwrap_or(1).clamp(1, 10_000)
    }

    /// `?state=…&process=…` of what is looked for, without what is empty and without the page.
    pub fn words(&self) -> String {
        let pairs = [
            ("state", &self.state),
            ("process", &self.process),
            ("hat", &self.hat),
            ("region", &self.region),
            ("q", &self.q),
            ("sort", &self.sort),
        ];
        let given = pairs.into_iter().filter_map(|(key, it)| Some((key, given(it.as_ref())?)));
        let words: Vec<_> = given.map(|(key, it)| format!("{key}={}", percent(it))).collect();
        if words.is_empty() { String::new() } else { format!("?{}", words.join("&")) }
    }

    /// ` AND …` for the rows `n`; values go behind those that are there.
    pub fn filter(&self, values: &mut Vec<Value>) -> Result<String, Problem> {
        let mut filter = String::new();
        if let Some(states) = given(self.state.as_ref()) {
            let names = states.split(',').map(|it| standing(it.trim()).map(|it| format!("'{}'", it.name())));
            filter += &format!(" AND n.standing IN ({})", names.collect::<Result<Vec<_>, _>>()?.join(", "));
        }
        for (column, value) in [("n.process", &self.process), ("n.hat", &self.hat)] {
            if let Some(value) = given(value.as_ref()) {
                values.push(value.into());
                filter += &format!(" AND {column} = ${}", values.len());
            }
        }
        if let Some(region) = given(self.region.as_ref()) {
            let region = RegionCode::parse(region).map_err(|it| {
                Problem::new("bad_region", format!("“{}”不是区划代码，如 440303001", it.0), it.to_string())
                    .field("region")
            })?;
            values.extend([Value::from(&region), region.until().into()]);
            filter += &format!(" AND n.region >= ${} AND n.region < ${}", values.len() - 1, values.len());
        }
        if let Some(q) = given(self.q.as_ref()) {
            values.push(format!("%{}%", q.replace(['%', '_'], "")).into());
            filter += &format!(" AND (n.title LIKE ${0} OR n.number LIKE ${0})", values.len());
        }
        Ok(filter)
    }
}

fn standing(name: &str) -> Result<Standing, Problem> {
    Standing::ALL.into_iter().find(|it| it.name() == name).ok_or_else(|| {
        let name: String = name.chars().take(40).collect();
        let all = Standing::ALL.map(Standing::name).join(", ");
        Problem::new("bad_state", format!("“{name}”不是提示单状态"), format!("{name:?} is none of {all}"))
            .field("state")
    })
}
