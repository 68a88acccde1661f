//! What a channel says about a matter. Made when it is sent, stored nowhere.

use anlan_kernel::RegionCode;
use anlan_monitor::Signal;
use anlan_register::Region;
use anlan_store::{OutboxItem, StoreError, Tx, params};

use super::{
    group::{GroupMessage, Title},
    kind::Matter,
    model::Endpoint,
};
use crate::{
    Warn, api,
    model::{CallState, Round},
    notice,
    text::{self, Ready},
};
use anlan_web::percent;

/// Regions named before "and others".
const AREAS: usize = 6;

/// One matter, ready to be told in any form.
pub(crate) struct Story {
    heading: &'static str,
    title: Option<Title>,
    /// The whole text, for those who may read it whole.
    text: Option<String>,
    pub areas: Vec<RegionCode>,
    counts: Vec<(&'static str, i64)>,
    path: Option<String>,
}

/// What there is to say about `subject`, or nothing any more.
pub(crate) fn story(tx: &mut Tx<'_>, matter: Matter, subject: &str, stage: &str) -> Result<Option<Story>, StoreError> {
    match matter {
        Matter::Signal => Ok(tx.get::<Signal>(subject)?.map(of_signal)),
        Matter::Round => match tx.get::<Round>(subject)? {
            Some(round) => of_round(tx, &round, stage).map(Some),
            None => Ok(None),
        },
        Matter::Notice => of_notice(tx, subject),
        Matter::Failure => of_channel(tx, subject).map(Some),
    }
}

fn of_signal(signal: Signal) -> Story {
    let areas = if signal.areas.is_empty() { vec![signal.region.clone()] } else { signal.areas.clone() };
    Story {
        heading: "转发预警信号",
        title: Some(Title::of_signal(&signal)),
        text: Some(text::relay_words(&signal)),
        areas,
        counts: Vec::new(),
        path: Some("/".to_owned()),
    }
}

/// `paper` is the paper's id; nothing once a later one went out.
fn of_notice(tx: &mut Tx<'_>, paper: &str) -> Result<Option<Story>, StoreError> {
    Ok(notice::current(tx, paper)?.map(|(notice, paper)| Story {
        heading: "风险提示单",
        title: Some(Title::of_notice(&paper.content.title)),
        text: Some(notice::words(&notice, &paper)),
        areas: paper.content.areas(),
        counts: Vec::new(),
        path: Some(format!("/notices/{}", percent(&notice.id))),
    }))
}

fn of_round(tx: &mut Tx<'_>, round: &Round, stage: &str) -> Result<Story, StoreError> {
    let counts = api::round_counts(tx, &round.id)?;
    let heading = match stage {
        "start" => "叫应开始",
        "end" => "叫应结束",
        _ => "叫应进展",
    };
    let reached = counts.called - counts.open - counts.of(CallState::NotReached) - counts.of(CallState::NoContact);
    Ok(Story {
        heading,
        title: Some(Title::of_round(round)),
        text: None,
        areas: round.areas.clone(),
        counts: vec![
            ("叫应级别", i64::from(round.level)),
            ("应叫", counts.called),
            ("已有结果", reached),
            ("未叫通", counts.of(CallState::NotReached)),
            ("无可用号码", counts.of(CallState::NoContact)),
            ("未有结果", counts.open),
            ("其中已报上级", counts.escalated),
        ],
        path: Some(format!("/rounds/{}", percent(&round.id))),
    })
}

/// How many calls of a round nobody answered so far.
pub(crate) fn silent(tx: &mut Tx<'_>, round: &str) -> Result<i64, StoreError> {
    Ok(api::round_counts(tx, round)?.silent())
}

fn of_channel(tx: &mut Tx<'_>, channel: &str) -> Result<Story, StoreError> {
    let sql = "SELECT COUNT(*) FROM outbox WHERE channel = $1 AND state IN ('failed', 'refused') AND {scope:region}";
    let failed = tx.query(sql, params![channel])?.first().map_or(Ok(0), |it| it.int(0))?;
    Ok(Story {
        heading: "通道故障",
        title: Some(Title::of_channel(channel)),
        text: None,
        areas: Vec::new(),
        counts: vec![("未发出", failed)],
        path: Some("/channels".to_owned()),
    })
}

/// A message of this mechanism made ready, or why there is nothing to send.
/// `to` is where a test goes, known to nobody else.
pub(crate) fn ready(
    warn: &Warn,
    tx: &mut Tx<'_>,
    item: &OutboxItem,
    to: Option<String>,
) -> Result<Result<Ready, &'static str>, StoreError> {
    let story = if item.payload["matter"] == "test" {
        Some(Story {
            heading: "【通道测试】",
            title: None,
            text: Some("【通道测试】这是一条测试消息，无须处理。".to_owned()),
            areas: Vec::new(),
            counts: Vec::new(),
            path: None,
        })
    } else {
        let matter = item.payload["matter"].as_str().and_then(Matter::parse);
        let stage = item.payload["stage"].as_str().unwrap_or_default();
        match matter {
            Some(matter) => story(tx, matter, &item.subject, stage)?,
            None => None,
        }
    };
    let Some(story) = story else { return Ok(Err("nothing_to_say")) };
    let group = group(warn, tx, item, &story)?;
    if item.kind == "group" {
        return Ok(Ok(Ready::Group(group)));
    }
    let endpoint = match item.payload["endpoint"].as_str() {
        Some(id) => tx.get::<Endpoint>(id)?.filter(|it| it.enabled),
        None => None,
    };
    let Some(to) = endpoint.as_ref().map(|it| it.address.clone()).or(to) else { return Ok(Err("no_endpoint")) };
    let (mark, repeat) = (group.mark, if group.repeat { "【重复】" } else { "" });
    let spoken = format!("{mark}{repeat}{}{mark}", story.text.clone().unwrap_or_else(|| group.text()));
    Ok(Ok(match item.kind.as_str() {
        "mail" => {
            let title = group.title_words();
            let parts = [story.heading, title].iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>();
            let subject = format!("{mark}{repeat}【{}】{}{mark}", group.speaker, parts.join("："));
            let text = match &story.text {
                None => group.text(),
                Some(text) => {
                    let link = group.link.as_ref().map_or(String::new(), |it| format!("\n\n详情（须登录）：{it}"));
                    format!("{mark}{repeat}【{}】\n\n{text}{link}\n{mark}", group.speaker)
                }
            };
            Ready::Mail { to, subject, text }
        }
        "play" => Ready::Play { speaker: to, text: spoken },
        // A dialled speaker: its access code stands before the number, or before the words of a message.
        kind => {
            let code = endpoint.and_then(|it| it.code).unwrap_or_default();
            match kind {
                "voice" => Ready::Number { to: format!("{code}{to}"), text: spoken },
                _ => Ready::Number { to, text: format!("{code}{spoken}") },
            }
        }
    }))
}

fn group(warn: &Warn, tx: &mut Tx<'_>, item: &OutboxItem, story: &Story) -> Result<GroupMessage, StoreError> {
    let mut areas = Vec::new();
    for area in story.areas.iter().take(AREAS) {
        areas.extend(tx.get::<Region>(area.as_str())?.map(|it| it.name));
    }
    if story.areas.len() > AREAS {
        areas.push(format!("等 {} 处", story.areas.len()));
    }
    Ok(GroupMessage {
        mark: text::mark(warn.world().kind()),
        repeat: item.payload["repeat"] == true,
        speaker: warn.config.speaker.clone(),
        heading: story.heading,
        title: story.title.clone(),
        areas,
        counts: story.counts.clone(),
        at: tx.now(),
        link: story.path.as_ref().map(|it| format!("{}{it}", warn.config.link_base)),
    })
}
