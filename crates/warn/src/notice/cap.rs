//! A paper as CAP 1.2: Restricted, its status set by the world, its earlier versions referred to.

use anlan_codecs::{
    cap::{
        self, Alert, Area, CapTime, Category, Certainty, Info, MsgType, Pair, Reference, ResponseType, Scope, Severity,
        Status, Urgency, Version,
    },
    hazard::Hazard,
};
use anlan_kernel::Lang;
use anlan_store::{StoreError, WorldKind};

use super::{
    draft::names,
    guide::Guide,
    model::{Kind, Notice, Paper},
    send::reason_title,
};

/// Hazards that are of the ground rather than of the weather.
const GROUND: [&str; 4] = ["geohazard", "landslide", "debris_flow", "rockfall"];

/// The message of `paper`; `earlier` are the issued papers before it.
///
/// # Errors
/// When it would break the rules of CAP, which a test keeps from happening.
pub(crate) fn write(
    kind: WorldKind,
    guide: &Guide,
    notice: &Notice,
    paper: &Paper,
    earlier: &[Paper],
) -> Result<String, StoreError> {
    let alert = alert(kind, guide, notice, paper, earlier);
    match cap::check(&alert).errors.into_iter().next() {
        None => Ok(cap::write(&alert)),
        Some(problem) => Err(StoreError::Shape(format!("the CAP of {}: {problem}", paper.id))),
    }
}

fn sender(notice: &Notice) -> String {
    plain(&format!("anlan.{}.{}", notice.region, notice.hat))
}

/// Without what identifiers and senders must not hold.
fn plain(text: &str) -> String {
    text.chars().map(|it| if it.is_whitespace() || ",<&".contains(it) { '-' } else { it }).collect()
}

fn sent(paper: &Paper) -> CapTime {
    CapTime::beijing(paper.issued_at.unwrap_or(paper.drafted_at))
}

fn alert(world: WorldKind, guide: &Guide, notice: &Notice, paper: &Paper, earlier: &[Paper]) -> Alert {
    let (status, note) = match world {
        WorldKind::Real => (Status::Actual, None),
        WorldKind::Exercise => (Status::Exercise, Some("演练，非实战。Exercise, not real.")),
        WorldKind::Replay => (Status::Test, Some("回放演示，请忽略。Replay for demonstration, to be ignored.")),
    };
    let status = if paper.issued_at.is_none() { Status::Draft } else { status };
    let corrected = (paper.kind == Kind::Correction).then(|| format!("更正：{}", paper.content.reason));
    let reference = |it: &Paper| Reference { sender: sender(notice), identifier: plain(&it.id), sent: sent(it) };
    Alert {
        version: Version::V12,
        identifier: plain(&paper.id),
        sender: sender(notice),
        sent: sent(paper),
        status,
        msg_type: match paper.kind {
            Kind::First => MsgType::Alert,
            Kind::Update | Kind::Correction => MsgType::Update,
            Kind::Lift => MsgType::Cancel,
        },
        source: None,
        scope: Scope::Restricted,
        restriction: Some("仅供本辖区应急成员单位和值班室使用，不是预警，不得转为公众发布。For the duty rooms of this district only; not a public warning.".into()),
        addresses: None,
        codes: Vec::new(),
        note: [note.map(str::to_owned), corrected].into_iter().flatten().reduce(|a, b| format!("{a} {b}")),
        references: earlier.iter().map(reference).collect(),
        incidents: Some(plain(&notice.process)),
        infos: [Lang::Zh, Lang::En].map(|lang| info(lang, guide, notice, paper)).into(),
        signed: false,
    }
}

fn info(lang: Lang, guide: &Guide, notice: &Notice, paper: &Paper) -> Info {
    let content = &paper.content;
    let hazard = Hazard::by_key(&notice.hazard);
    let event = hazard.map_or(notice.hazard.as_str(), |it| lang.pick(it.zh, it.en));
    let lift = paper.kind == Kind::Lift;
    let level = content.facts.level.unwrap_or(4);
    let measured = !content.facts.measured.is_empty();
    let expires = if lift { None } else { Some(CapTime::beijing(content.until)) };
    let headline = match lang {
        Lang::Zh => format!("{}（{}）", content.title, paper.number.as_deref().unwrap_or("草稿")),
        Lang::En => format!("Risk notice ({}): {event}", paper.kind.words().1),
    };
    Info {
        language: Some(lang.tag().into()),
        categories: vec![if GROUND.contains(&notice.hazard.as_str()) { Category::Geo } else { Category::Met }],
        event: lang.pick(&format!("{event}风险"), &format!("{event} risk")).to_owned(),
        response_types: vec![if lift { ResponseType::AllClear } else { ResponseType::Prepare }],
        urgency: if lift {
            Urgency::Past
        } else if level <= 2 {
            Urgency::Immediate
        } else {
            Urgency::Expected
        },
        severity: [Severity::Extreme, Severity::Severe, Severity::Moderate, Severity::Minor]
            [usize::from(level.clamp(1, 4)) - 1],
        certainty: if measured { Certainty::Observed } else { Certainty::Likely },
        audience: Some(
            lang.pick("本辖区值班室和防汛责任人", "duty rooms and responsible persons of the district").into(),
        ),
        event_codes: hazard
            .and_then(|it| it.event_code)
            .map(|it| Pair { name: "GB/T 35965.1".into(), value: it.into() })
            .into_iter()
            .collect(),
        effective: Some(sent(paper)),
        onset: None,
        expires,
        sender_name: Some(notice.hat.clone()),
        headline: Some(headline),
        description: Some(description(lang, paper)),
        instruction: (!content.measures.is_empty()).then(|| match lang {
            Lang::Zh => content.measures.join("；"),
            Lang::En => content.measures.iter().map(|it| guide.english(it)).collect::<Vec<_>>().join("; "),
        }),
        web: None,
        contact: None,
        parameters: Vec::new(),
        resources: Vec::new(),
        areas: content
            .places
            .iter()
            .map(|it| Area {
                description: it.name.clone(),
                polygons: Vec::new(),
                circles: Vec::new(),
                geocodes: vec![Pair { name: "GB/T 2260".into(), value: it.code.to_string() }],
                altitude: None,
                ceiling: None,
            })
            .collect(),
    }
}

/// Facts first: signals in their issuers' words, then what was measured, then our own.
fn description(lang: Lang, paper: &Paper) -> String {
    let content = &paper.content;
    let mut parts = Vec::new();
    for it in &content.facts.signals {
        parts.push(
            lang.pick(&format!("{}：“{}”", it.issuer, it.text), &format!("{} (original): \"{}\"", it.issuer, it.text))
                .to_owned(),
        );
    }
    for it in &content.facts.measured {
        parts.push(format!("{} {}", it.station, it.title.get(lang)));
    }
    if !content.reason.is_empty() {
        parts.push(
            lang.pick(
                &format!("{}：{}", reason_title(paper.kind), content.reason),
                &format!("Reason (original): {}", content.reason),
            )
            .to_owned(),
        );
    }
    match lang {
        Lang::Zh => parts.push(content.advice.clone()),
        Lang::En => parts.push(format!("Area: {}.", names(&content.places))),
    }
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anlan_codecs::cap::read;
    use anlan_kernel::{Instant, RegionCode};
    use anlan_register::Who;
    use rstest::rstest;

    use super::*;
    use crate::notice::{
        flow::{Event, apply},
        model::{Content, Facts, Place, Standing},
    };

    fn issued() -> (Notice, Paper) {
        let (now, region) = (Instant::from_secs(1_693_540_800), RegionCode::parse("440303").unwrap());
        let blank = Notice {
            id: "wp-20230901-typhoon-440303.n1".into(),
            process: "wp-20230901-typhoon-440303".into(),
            hazard: "typhoon".into(),
            region: region.clone(),
            areas: Vec::new(),
            hat: "区三防 指挥部,办公室".into(),
            standing: Standing::Unissued,
            live: true,
            issued: 0,
            working: None,
            number: None,
            title: String::new(),
            public_version: None,
            opened_at: now,
            changed_at: now,
            revision: 0,
        };
        let content = Content {
            title: "台风风险提示单".into(),
            facts: Facts { at: now, ..Facts::default() },
            advice: "风险 < 高 & 急".into(),
            measures: vec!["撤离".into()],
            places: vec![Place { code: region, name: "罗湖区".into() }],
            until: now.plus(Duration::from_secs(3_600)),
            audience: vec![Who::DutyRoom],
            reason: String::new(),
        };
        let begin = Event::Begin { kind: Kind::First, content: Box::new(content) };
        let draft = apply(&blank, None, begin, "zhou", now).unwrap();
        let signed = apply(&draft.notice, Some(&draft.paper), Event::Sign, "hu", now).unwrap();
        (signed.notice, signed.paper)
    }

    #[rstest]
    #[case::real(WorldKind::Real, Status::Actual, None)]
    #[case::exercise(WorldKind::Exercise, Status::Exercise, Some("演练"))]
    #[case::replay(WorldKind::Replay, Status::Test, Some("回放"))]
    fn the_world_sets_the_status(#[case] world: WorldKind, #[case] status: Status, #[case] note: Option<&str>) {
        let (notice, paper) = issued();
        let xml = write(world, &Guide::default(), &notice, &paper, &[]).unwrap();
        let read = read(xml.as_bytes());
        assert_eq!(read.warnings, []);
        let alert = read.message.unwrap();
        assert_eq!(alert.status, status);
        assert_eq!(alert.note.is_some(), note.is_some());
        assert!(note.is_none_or(|it| alert.note.unwrap().contains(it)));
        assert_eq!(alert.sender, "anlan.440303.区三防-指挥部-办公室");
        assert!(alert.infos[0].description.as_ref().unwrap().contains("风险 < 高 & 急"));
    }
}
