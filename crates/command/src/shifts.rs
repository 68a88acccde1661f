//! Gaps in the roster of the days ahead, as a thing to do.

use anlan_kernel::Text;
use anlan_register::{
    Roster,
    shifts::{gaps, own_office},
};
use anlan_store::{StoreError, Tx};
use anlan_web::Who;

use crate::{TodoItem, todo::Urgency};

/// One thing to do while anything is missing; the roster lists the gaps.
///
/// # Errors
/// What the store says.
pub fn todo(roster: &Roster, tx: &mut Tx<'_>, who: &Who) -> Result<Vec<TodoItem>, StoreError> {
    if !who.may(anlan_kernel::Permission::EditShifts) {
        return Ok(Vec::new());
    }
    let Some(office) = own_office(tx)? else { return Ok(Vec::new()) };
    let found = gaps(tx, roster, &office.id)?;
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    let words = format!("最近：{} {} 起", first.role.zh(), &first.from.wall()[5..16]);
    Ok(vec![TodoItem {
        key: "shifts".into(),
        urgency: Urgency::Routine,
        title: Text::new(format!("未来七天有 {} 处空班", found.len()), format!("{} gaps in the roster", found.len())),
        note: Text::new(words, format!("next: {}", first.role.name())),
        due: Some(first.from),
        action: Text::new("排班", "Fill"),
        href: "/shifts".into(),
        post: false,
    }])
}
