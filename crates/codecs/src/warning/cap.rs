//! The Chinese message in the words of CAP.

use anlan_kernel::Colour;

use super::{WarningArea, WarningInfo, WarningMessage, read::stamp_instant};
use crate::cap::{Alert, Area, CapTime, Category, Certainty, Info, Pair, Reference, Severity, Urgency, Version};

/// Name of the CAP parameter in which the colour of the signal is kept.
pub const COLOUR_PARAMETER: &str = "ColorCode";

impl WarningMessage {
    /// The same message as CAP 1.2: Red, Orange, Yellow, Blue become Extreme, Severe, Moderate,
    /// Minor, and the colour itself is kept in the parameter `ColorCode`.
    pub fn to_cap(&self) -> Alert {
        Alert {
            version: Version::V12,
            identifier: self.identifier.text.clone(),
            sender: self.sender_code.clone(),
            sent: self.sent,
            status: self.status,
            msg_type: self.msg_type,
            source: Some(self.sender.clone()),
            scope: self.scope,
            restriction: None,
            addresses: None,
            codes: Vec::new(),
            note: self.note.clone(),
            references: self.references.iter().filter_map(|it| reference(it)).collect(),
            incidents: None,
            infos: self.infos.iter().map(|it| info(it, &self.sender)).collect(),
            signed: false,
        }
    }
}

/// A reference needs the time of the earlier message: its identifier holds it.
fn reference(identifier: &str) -> Option<Reference> {
    let mut parts = identifier.split('_');
    let (unit, stamp) = (parts.next()?, parts.next()?);
    let sent = CapTime::beijing(stamp_instant(stamp)?);
    Some(Reference { sender: unit.to_owned(), identifier: identifier.to_owned(), sent })
}

fn info(info: &WarningInfo, sender: &str) -> Info {
    Info {
        language: info.language.clone(),
        categories: vec![category(&info.event_type)],
        event: info.hazard().map_or_else(|| info.event_type.clone(), |it| it.zh.to_owned()),
        response_types: Vec::new(),
        urgency: info.urgency.as_deref().and_then(Urgency::from_word).unwrap_or(Urgency::Unknown),
        severity: severity(info.severity),
        certainty: info.certainty.as_deref().and_then(Certainty::from_word).unwrap_or(Certainty::Unknown),
        audience: None,
        event_codes: vec![Pair { name: "GB/T 35965.1".to_owned(), value: info.event_type.clone() }],
        effective: info.effective,
        onset: info.onset,
        expires: info.expires,
        sender_name: Some(sender.to_owned()),
        headline: info.headline.clone(),
        description: info.description.clone(),
        instruction: info.instruction.clone(),
        web: info.web.clone(),
        contact: None,
        parameters: vec![Pair { name: COLOUR_PARAMETER.to_owned(), value: colour_word(info.severity).to_owned() }],
        resources: Vec::new(),
        areas: info.areas.iter().map(area).collect(),
    }
}

fn area(area: &WarningArea) -> Area {
    let coded = (!area.geocode.is_empty()).then(|| Pair { name: "GB/T 2260".to_owned(), value: area.geocode.clone() });
    Area {
        description: if area.description.is_empty() { area.geocode.clone() } else { area.description.clone() },
        polygons: Vec::new(),
        circles: Vec::new(),
        geocodes: coded.into_iter().collect(),
        altitude: None,
        ceiling: None,
    }
}

/// Red to Blue as the system spells it.
pub(crate) fn colour_word(colour: Colour) -> &'static str {
    ["Red", "Orange", "Yellow", "Blue"][colour as usize]
}

fn severity(colour: Colour) -> Severity {
    match colour {
        Colour::Red => Severity::Extreme,
        Colour::Orange => Severity::Severe,
        Colour::Yellow => Severity::Moderate,
        Colour::Blue => Severity::Minor,
    }
}

/// 11A water and 11B weather are Met, 11D geology is Geo, anything else Other.
fn category(event_type: &str) -> Category {
    match event_type.get(..3) {
        Some("11A" | "11B") => Category::Met,
        Some("11D") => Category::Geo,
        _ => Category::Other,
    }
}
