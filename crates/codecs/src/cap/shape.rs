//! Which elements may stand where, how often and in which order (CAP 1.2, section 3.4).

use anlan_kernel::Problem;

use super::Version;
use crate::xml::{Element, Warnings, cut};

/// One element of a group.
pub(super) struct Slot {
    pub name: &'static str,
    required: bool,
    many: bool,
}

const fn one(name: &'static str) -> Slot {
    Slot { name, required: true, many: false }
}
const fn some(name: &'static str) -> Slot {
    Slot { name, required: true, many: true }
}
const fn maybe(name: &'static str) -> Slot {
    Slot { name, required: false, many: false }
}
const fn any(name: &'static str) -> Slot {
    Slot { name, required: false, many: true }
}

/// A group of elements in the order of the schema.
pub(super) struct Group {
    pub name: &'static str,
    slots: &'static [Slot],
}

pub(super) const ALERT: Group = Group {
    name: "alert",
    slots: &[
        one("identifier"),
        one("sender"),
        one("sent"),
        one("status"),
        one("msgType"),
        maybe("source"),
        one("scope"),
        maybe("restriction"),
        maybe("addresses"),
        any("code"),
        maybe("note"),
        maybe("references"),
        maybe("incidents"),
        any("info"),
    ],
};
pub(super) const INFO: Group = Group {
    name: "info",
    slots: &[
        maybe("language"),
        some("category"),
        one("event"),
        any("responseType"),
        one("urgency"),
        one("severity"),
        one("certainty"),
        maybe("audience"),
        any("eventCode"),
        maybe("effective"),
        maybe("onset"),
        maybe("expires"),
        maybe("senderName"),
        maybe("headline"),
        maybe("description"),
        maybe("instruction"),
        maybe("web"),
        maybe("contact"),
        any("parameter"),
        any("resource"),
        any("area"),
    ],
};
pub(super) const RESOURCE: Group = Group {
    name: "resource",
    slots: &[one("resourceDesc"), one("mimeType"), maybe("size"), maybe("uri"), maybe("derefUri"), maybe("digest")],
};
pub(super) const AREA: Group = Group {
    name: "area",
    slots: &[one("areaDesc"), any("polygon"), any("circle"), any("geocode"), maybe("altitude"), maybe("ceiling")],
};
pub(super) const PAIR: Group = Group { name: "pair", slots: &[one("valueName"), one("value")] };

impl Group {
    /// Checks the children of `parent`: known, counted, in order, complete.
    pub fn check(&self, parent: &Element, version: Version, warnings: &mut Warnings) -> Result<(), Problem> {
        let mut seen = vec![0_usize; self.slots.len()];
        let (mut last, mut last_required) = (0, 0);
        for child in &parent.children {
            let Some(rank) = self.rank(child) else {
                self.strange(child, version, warnings)?;
                continue;
            };
            let slot = &self.slots[rank];
            seen[rank] += 1;
            if seen[rank] > 1 && !slot.many {
                return Err(duplicate(child));
            }
            if rank < last {
                let expected = &self.slots[last].name;
                let wrong = slot.required && rank < last_required && version == Version::V12;
                let problem = out_of_order(child, expected);
                if wrong {
                    return Err(problem);
                }
                warnings.push(problem);
            }
            last = last.max(rank);
            last_required = if slot.required { last_required.max(rank) } else { last_required };
            if child.is_empty() && !slot.required {
                warnings.push(empty(child));
            }
        }
        self.complete(parent, version)
    }

    fn rank(&self, child: &Element) -> Option<usize> {
        self.slots.iter().position(|it| child.own && it.name == child.name)
    }

    fn strange(&self, child: &Element, version: Version, warnings: &mut Warnings) -> Result<(), Problem> {
        if !child.own {
            warnings.push(if child.name == "Signature" { unverified(child) } else { unknown(child) });
            return Ok(());
        }
        if child.name == "password" && self.name == "alert" {
            let problem = password(child);
            return if version == Version::V10 {
                warnings.push(problem);
                Ok(())
            } else {
                Err(problem)
            };
        }
        if self.name == "alert" {
            return Err(unknown(child));
        }
        warnings.push(unknown(child));
        Ok(())
    }

    fn complete(&self, parent: &Element, version: Version) -> Result<(), Problem> {
        let old = |slot: &Slot| version < Version::V12 && matches!(slot.name, "mimeType" | "category");
        // A pair may have an empty value: real messages carry headers without content.
        let filled = |slot: &Slot| {
            parent.all(slot.name).any(|it| !it.is_empty() || (self.name == "pair" && slot.name == "value"))
        };
        match self.slots.iter().find(|it| it.required && !old(it) && !filled(it)) {
            Some(slot) => Err(missing(parent, slot.name)),
            None => Ok(()),
        }
    }
}

fn at(code: &str, element: &Element, zh: String, en: String) -> Problem {
    Problem::new(code, zh, en).field(element.name.chars().take(64).collect::<String>()).byte(element.at)
}

fn duplicate(child: &Element) -> Problem {
    let name = &child.name;
    at("duplicate_element", child, format!("<{name}> 只能有一个"), format!("there may be only one <{name}> here"))
}

fn out_of_order(child: &Element, expected: &str) -> Problem {
    let name = &child.name;
    at(
        "invalid_sequence",
        child,
        format!("<{name}> 应在 <{expected}> 之前"),
        format!("<{name}> must come before <{expected}>"),
    )
}

fn empty(child: &Element) -> Problem {
    let name = &child.name;
    at(
        "empty_element",
        child,
        format!("<{name}> 是空的，按没有处理"),
        format!("<{name}> is empty and was read as missing"),
    )
}

fn unknown(child: &Element) -> Problem {
    let name = cut(&child.name);
    at("unsupported_element", child, format!("CAP 没有元素 <{name}>"), format!("CAP has no element <{name}> here"))
}

fn unverified(child: &Element) -> Problem {
    at(
        "signature_not_checked",
        child,
        "报文带有数字签名，未作验证".to_owned(),
        "the message carries an XML signature, which was not verified".to_owned(),
    )
}

fn password(child: &Element) -> Problem {
    at(
        "password_deprecated",
        child,
        "<password> 已废止，请去掉".to_owned(),
        "<password> is no longer part of CAP: remove it".to_owned(),
    )
}

/// The problem of a required element that is absent or empty.
pub(super) fn missing(parent: &Element, name: &str) -> Problem {
    let inside = cut(&parent.name);
    Problem::new(
        "missing_required_element",
        format!("<{inside}> 缺少必填的 <{name}>"),
        format!("<{inside}> lacks the required <{name}>"),
    )
    .field(name)
    .byte(parent.at)
}
