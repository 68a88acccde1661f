//! The effect analysis as a sheet: the same figures, as text cells.

use anlan_kernel::Lang;
use anlan_register::export;
use anlan_store::StoreError;

use super::Figures;
use crate::{api::EffectView, model::CallState};

/// The sheet of an analysis.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn xlsx(view: &EffectView, lang: Lang) -> Result<Vec<u8>, StoreError> {
    export::xlsx(&table(view, lang))
}

fn table(view: &EffectView, lang: Lang) -> Vec<Vec<String>> {
    let mut head: Vec<String> =
        [("分组", "group"), ("名称", "name"), ("应叫", "called")].map(|(zh, en)| lang.pick(zh, en).to_owned()).to_vec();
    head.extend(CallState::FINAL.map(|it| lang.pick(it.words().0, it.words().1).to_owned()));
    head.extend(
        [
            ("未有结果", "open"),
            ("叫到", "reached"),
            ("叫到率 %", "reached %"),
            ("首次振铃起 中位 秒", "from first ring, median s"),
            ("首次振铃起 95% 秒", "from first ring, 95 % s"),
            ("本轮开始起 中位 秒", "from start, median s"),
            ("本轮开始起 95% 秒", "from start, 95 % s"),
            ("拨打次数", "attempts"),
        ]
        .map(|(zh, en)| lang.pick(zh, en).to_owned()),
    );
    let mut table = vec![
        vec![view.title.get(lang).to_owned()],
        vec![lang.pick("数据截至", "as of").to_owned(), view.at.wall()],
        head,
        row(lang.pick("合计", "total"), "", &view.total),
    ];
    for group in &view.groups {
        for it in &group.rows {
            table.push(row(group.title.get(lang), it.name.get(lang), &it.figures));
        }
    }
    table
}

fn row(group: &str, name: &str, it: &Figures) -> Vec<String> {
    let mut cells = vec![group.to_owned(), name.to_owned(), it.counts.called.to_string()];
    cells.extend(CallState::FINAL.map(|state| it.counts.of(state).to_string()));
    let number = |it: Option<i64>| it.map(|it| it.to_string()).unwrap_or_default();
    let tenths = |it: Option<i64>| it.map(|it| format!("{}.{}", it / 10, it % 10)).unwrap_or_default();
    cells.extend([
        it.counts.open.to_string(),
        it.reached.to_string(),
        tenths(it.rate_permille()),
        number(it.from_ring.median_s),
        number(it.from_ring.p95_s),
        number(it.from_start.median_s),
        number(it.from_start.p95_s),
        it.attempts.to_string(),
    ]);
    cells
}
