//! Signals of other authorities: taken in unchanged, acknowledged (签收), forwarded (转发).

use std::time::Duration;

use anlan_codecs::{
    cap::Status,
    hazard::Hazard,
    signal::{Format, IncomingSignal, read},
    warning::Action,
};
use anlan_kernel::{Actor, Colour, Instant, Problem, RegionCode, Scope};
use anlan_store::{Advanced, Event, StoreError, Tx, Urgency, hex};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    model::{Signal, SignalBytes, SignalState},
    rejected::{self, Refusal},
    service::Monitor,
    store,
};

/// Signals of an issuer that are looked through for links.
const LINKED: usize = 200;
/// Words without number or time of issue that come again within this time, while they hold, are one delivery twice.
/// Weather offices renew what holds longer, and what was lifted meanwhile means something new.
pub const REPEATED_WITHIN: Duration = Duration::from_secs(6 * 3_600);

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The signal as stored.
    pub signal: Signal,
    /// False when it had come before; then nothing was done.
    pub new: bool,
    /// What was tolerated in the message, with places.
    pub warnings: Vec<Problem>,
}

/// Why a signal was not taken, acknowledged or forwarded.
#[derive(Debug, thiserror::Error)]
pub enum SignalError {
    /// The message is wrong; it is kept with this reason.
    #[error(transparent)]
    Refused(Box<Problem>),
    /// There is none of this id in the actor's duty areas.
    #[error("there is no signal {0}")]
    NotFound(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A pasted or dictated text with the fields a person fills in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pasted {
    /// Original text, unchanged.
    pub text: String,
    /// Key or name of the hazard; read from the text where missing.
    pub hazard: Option<String>,
    /// `red` or 红色; signals without colour have none.
    pub colour: Option<String>,
    /// The issuing unit; read from the text where missing.
    pub issuer: Option<String>,
    /// Region codes; a signal without any is one of upstream and calls nobody.
    #[serde(default)]
    pub areas: Vec<String>,
    /// Headline.
    pub title: Option<String>,
    /// The issuer's number.
    #[serde(alias = "id")]
    pub identifier: Option<String>,
    /// `issue`, `raise`, `lower`, `change`, `lift` … or 发布、升级、降级、变更、解除.
    pub action: Option<String>,
    /// When it was issued.
    #[serde(alias = "at")]
    pub issued_at: Option<String>,
    /// Until when it holds.
    pub expires_at: Option<String>,
    /// 演示编造.
    #[serde(default)]
    pub invented: bool,
}

/// Where a signal holds for whoever handles it: the home region, or what is theirs of it.
pub(crate) fn own_places(scope: &Scope, home: &RegionCode) -> Vec<RegionCode> {
    match scope {
        Scope::Regions(own) if !scope.covers(home) => own.clone(),
        _ => vec![home.clone()],
    }
}

/// What is stored, apart from what the desk adds.
struct Draft {
    incoming: IncomingSignal,
    areas: Vec<RegionCode>,
    invented: bool,
}

impl Monitor {
    /// Takes CAP XML, the Chinese warning message in XML, JSON (see [`Pasted`]) or plain text. A
    /// repeated delivery does nothing twice; what cannot be read is kept with its reason.
    ///
    /// # Errors
    /// [`SignalError::Refused`] naming the place; what the store says.
    pub async fn receive_signal(&self, by: &Actor, bytes: &[u8]) -> Result<Received, SignalError> {
        self.receive_signal_for(by, bytes, &[]).await
    }

    /// As [`Monitor::receive_signal`]; a message that names no place is for `places`. Where there are none either,
    /// the signal is one of upstream: it is shown, and calls nobody.
    ///
    /// # Errors
    /// As [`Monitor::receive_signal`].
    pub async fn receive_signal_for(
        &self,
        by: &Actor,
        bytes: &[u8],
        places: &[RegionCode],
    ) -> Result<Received, SignalError> {
        let now = self.world.now();
        let (mut draft, warnings) = match draft(bytes, now) {
            Ok(read) => read,
            Err(problem) => {
                let refusal = Refusal::new(bytes, problem.clone());
                rejected::keep(&self.world, &format!("{} signal", by.name), vec![refusal]).await?;
                return Err(SignalError::Refused(Box::new(problem)));
            }
        };
        if draft.areas.is_empty() {
            draft.areas = places.to_vec();
        }
        let sender = sender_of(&draft.incoming);
        // A CAP Cancel needs no <info>: then only the message it refers to says what about.
        let bare = draft.incoming.hazard_zh.is_none();
        let signal = signal_of(draft, self.desk_region(by), now);
        let as_sent = (signal.format == "cap" && signal.original.as_bytes() != bytes).then(|| STANDARD.encode(bytes));
        let (hooks, scope) = (self.settings.hooks.clone(), by.scope.clone());
        // The process of a street's signal is its district's, so the hooks write there, and call in the street only.
        let theirs = !signal.areas.is_empty() && signal.areas.iter().all(|it| scope.covers(it));
        let writer = if theirs { Actor { scope: Scope::Everywhere, ..by.clone() } } else { by.clone() };
        let (signal, new) = self
            .world
            .write("signal-receive", Urgency::Urgent, &writer, move |tx| {
                if let Some(known) = known(tx, &signal, &scope)? {
                    inside(tx, &known, &scope)?;
                    return Ok((known, false));
                }
                let mut signal = signal.clone();
                link(tx, &mut signal, &sender, bare, &scope)?;
                inside(tx, &signal, &scope)?;
                if !tx.insert(&signal)? {
                    return Err(StoreError::Stale(signal.id));
                }
                if let Some(base64) = as_sent.clone() {
                    tx.put(&SignalBytes { id: signal.id.clone(), base64 })?;
                }
                tx.record(Event::new("signal.received", &signal.id).region(&signal.region))?;
                hooks.signal.iter().try_for_each(|hook| hook(tx, &signal))?;
                Ok((signal, true))
            })
            .await?;
        metrics::counter!("anlan_signals_total", "new" => if new { "yes" } else { "no" }).increment(1);
        Ok(Received { signal, new, warnings })
    }

    /// Whose desk handles a signal for these areas: theirs, as far as it lies in the home region, else the home
    /// region's; of somebody who has no duty there, always theirs.
    fn desk_region(&self, by: &Actor) -> impl Fn(&[RegionCode]) -> RegionCode {
        let (home, elsewhere) = (self.settings.home.clone(), !by.scope.covers(&self.settings.home));
        move |areas| {
            let region = Some(store::region_of(areas, &home)).filter(|it| elsewhere || home.covers(it));
            region.unwrap_or_else(|| home.clone())
        }
    }

    /// 签收: says who saw the signal, and when; the first one counts. It goes by our id or its issuer's number.
    ///
    /// # Errors
    /// [`SignalError::NotFound`]; what the store says.
    pub async fn acknowledge_signal(&self, by: &Actor, id: &str) -> Result<Signal, SignalError> {
        let name = by.name.clone();
        self.change_signal(by, id, "signal.acknowledged", move |signal, now| {
            let fresh = signal.acknowledged_at.is_none();
            if fresh {
                (signal.acknowledged_at, signal.acknowledged_by) = (Some(now), Some(name.clone()));
            }
            fresh
        })
        .await
    }

    /// 转发: marks the signal as forwarded unchanged; whoever sends it listens by a hook.
    ///
    /// # Errors
    /// As [`Monitor::acknowledge_signal`].
    pub async fn forward_signal(&self, by: &Actor, id: &str) -> Result<Signal, SignalError> {
        let name = by.name.clone();
        self.change_signal(by, id, "signal.forwarded", move |signal, now| {
            let fresh = signal.forwarded_at.is_none();
            if fresh {
                (signal.forwarded_at, signal.forwarded_by) = (Some(now), Some(name.clone()));
            }
            fresh
        })
        .await
    }

    /// The message of a signal as it came, byte for byte; the caller found the signal inside the scope before.
    ///
    /// # Errors
    /// What the store says.
    pub async fn signal_as_sent(&self, signal: &Signal) -> Result<Vec<u8>, StoreError> {
        let id = signal.id.clone();
        let other = self.world.read(&Actor::system("monitor"), move |tx| tx.get::<SignalBytes>(&id)).await?;
        match other {
            None => Ok(signal.original.clone().into_bytes()),
            Some(it) => STANDARD.decode(it.base64).map_err(|it| StoreError::Shape(it.to_string())),
        }
    }

    async fn change_signal(
        &self,
        by: &Actor,
        id: &str,
        event: &'static str,
        change: impl Fn(&mut Signal, Instant) -> bool + Send + 'static,
    ) -> Result<Signal, SignalError> {
        let (key, hooks) = (id.to_owned(), self.settings.hooks.clone());
        let changed = self
            .world
            .write("signal-change", Urgency::Urgent, by, move |tx| {
                let Some(mut signal) = store::signal_named(tx, &key)? else { return Ok(None) };
                if !change(&mut signal, tx.now()) {
                    return Ok(Some(signal));
                }
                advance(tx, &mut signal, event)?;
                hooks.signal.iter().try_for_each(|hook| hook(tx, &signal))?;
                Ok(Some(signal))
            })
            .await?;
        changed.ok_or_else(|| SignalError::NotFound(id.to_owned()))
    }
}

fn advance(tx: &mut Tx<'_>, signal: &mut Signal, event: &'static str) -> Result<(), StoreError> {
    match tx.advance(signal)? {
        Advanced::Yes => signal.revision += 1,
        Advanced::Stale => return Err(StoreError::Stale(signal.id.clone())),
    }
    tx.record(Event::new(event, &signal.id).region(&signal.region))
}

/// Refuses a signal outside the duty areas of whoever brings it.
fn inside(tx: &Tx<'_>, signal: &Signal, scope: &Scope) -> Result<(), StoreError> {
    if scope.covers(&signal.region) {
        return Ok(());
    }
    Err(StoreError::OutOfScope { actor: tx.actor().name.clone(), region: signal.region.to_string() })
}

fn own(mut signals: Vec<Signal>, scope: &Scope) -> Vec<Signal> {
    signals.retain(|it| scope.covers(&it.region));
    signals
}

/// The signal as it came before. One with a number is known by it; words without number are known when the same
/// were issued at the same time, or, where that is not said, came a short while ago and still hold.
fn known(tx: &mut Tx<'_>, new: &Signal, scope: &Scope) -> Result<Option<Signal>, StoreError> {
    let known = tx.get(&new.id)?;
    if known.is_some() || !new.identifier.is_empty() {
        return Ok(known);
    }
    let others = own(store::signal_of_issuer(tx, &new.issuer, LINKED)?, scope);
    let lifts = others.iter().any(|it| it.state == SignalState::InForce && precedes(it, new));
    Ok(others.into_iter().find(|it| repeats(it, new, lifts)))
}

/// Whether `new` says nothing that `known` did not say; `lifts`: whether something in force precedes it.
fn repeats(known: &Signal, new: &Signal, lifts: bool) -> bool {
    let about = |it: &Signal| (it.hazard.clone(), it.colour, it.action.clone(), it.areas.clone());
    let same =
        known.identifier.is_empty() && known.original.trim() == new.original.trim() && about(known) == about(new);
    let now = new.received_at;
    let holds = match known.state {
        SignalState::InForce | SignalState::Test => known.expires_at.is_none_or(|it| it > now),
        SignalState::Lifted => known.action == "cancel" && !lifts,
        SignalState::Replaced => false,
    };
    same && match (known.issued_at, new.issued_at) {
        (Some(one), Some(other)) => one == other,
        _ => holds && now.since(known.received_at) <= REPEATED_WITHIN,
    }
}

/// Lets a later message replace or lift earlier ones, in whichever order they came. One that is `bare` says what the
/// message said that it refers to.
fn link(tx: &mut Tx<'_>, new: &mut Signal, sender: &str, bare: bool, scope: &Scope) -> Result<(), StoreError> {
    if new.state == SignalState::Test {
        return Ok(());
    }
    let mut others = own(store::signal_of_issuer(tx, &new.issuer, LINKED)?, scope);
    if sender != new.issuer {
        others.extend(own(store::signal_of_issuer(tx, sender, LINKED)?, scope));
    }
    for number in &new.refers_to.clone() {
        let theirs = |it: &Signal| it.id == key_of(sender, number, it.issued_at, "");
        let referred = own(store::signal_numbered(tx, number)?, scope).into_iter().find(theirs);
        if let Some(referred) = &referred
            && bare
        {
            say_the_same(new, referred);
        }
        others.extend(referred.filter(|it| !others.iter().any(|other| other.id == it.id)));
    }
    if let Some(later) = others.iter().find(|it| !new.identifier.is_empty() && it.refers_to.contains(&new.identifier)) {
        new.state = if later.action == "cancel" { SignalState::Lifted } else { SignalState::Replaced };
    }
    if new.action == "alert" {
        return Ok(());
    }
    let (state, event) = match new.action.as_str() {
        "cancel" => (SignalState::Lifted, "signal.lifted"),
        _ => (SignalState::Replaced, "signal.replaced"),
    };
    for mut earlier in others.into_iter().filter(|it| it.state == SignalState::InForce && precedes(it, new)) {
        earlier.state = state;
        advance(tx, &mut earlier, event)?;
    }
    Ok(())
}

/// Gives a message without words the hazard, places and issuer of the one it refers to; the original stays as it came.
fn say_the_same(new: &mut Signal, earlier: &Signal) {
    let verb = if new.action == "cancel" { "解除" } else { "更新" };
    new.title = format!("{verb}：{}", earlier.title);
    new.issuer.clone_from(&earlier.issuer);
    new.hazard.clone_from(&earlier.hazard);
    new.hazard_zh.clone_from(&earlier.hazard_zh);
    new.colour = earlier.colour;
    if new.areas.is_empty() {
        new.areas.clone_from(&earlier.areas);
        new.region.clone_from(&earlier.region);
    }
}

/// Named by the later one; where it names none, of the same hazard for places they share.
fn precedes(earlier: &Signal, new: &Signal) -> bool {
    if !new.refers_to.is_empty() {
        return new.refers_to.contains(&earlier.identifier);
    }
    let share = earlier.areas.iter().any(|a| new.areas.iter().any(|b| a.meets(b)));
    let order = earlier.issued_at <= new.issued_at;
    earlier.hazard == new.hazard && order && (share || earlier.areas.is_empty() && new.areas.is_empty())
}

fn draft(bytes: &[u8], now: Instant) -> Result<(Draft, Vec<Problem>), Problem> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return pasted(bytes, now).map(|it| (it, Vec::new()));
    }
    let read = read(bytes, now);
    let incoming = read.message?;
    if incoming.format == Format::Text
        && let Some(open) = incoming.to_fill_in().into_iter().find(|it| *it != "colour")
    {
        return Err(to_fill_in(open));
    }
    let areas = incoming.areas.iter().filter_map(|it| it.region.clone()).collect();
    Ok((Draft { incoming, areas, invented: false }, read.warnings))
}

fn pasted(bytes: &[u8], now: Instant) -> Result<Draft, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|it| {
        Problem::new("not_utf8", "不是 UTF-8 文字；请以 UTF-8 发送", "this is not UTF-8; send UTF-8")
            .byte(it.valid_up_to())
    })?;
    let fields: Pasted = serde_json::from_str(text).map_err(|it| {
        let code = if it.is_eof() { "truncated_json" } else { "bad_json" };
        Problem::new(code, format!("不是信号的 JSON：{it}"), format!("this is not the JSON of a signal: {it}"))
            .line(it.line())
            .column(it.column())
    })?;
    if fields.text.trim().is_empty() {
        return Err(to_fill_in("text"));
    }
    let mut incoming = IncomingSignal::from_text(&fields.text, now);
    if let Some(name) = fields.hazard.as_deref().map(str::trim).filter(|it| !it.is_empty()) {
        let known = Hazard::by_key(name).or_else(|| Hazard::named_in(name));
        incoming.hazard = known.map(|it| it.key.to_owned());
        incoming.hazard_zh = Some(known.map_or_else(|| name.to_owned(), |it| it.zh.to_owned()));
    }
    if let Some(colour) = fields.colour.as_deref().filter(|it| !it.is_empty()) {
        incoming.colour = Some(Colour::parse(colour).ok_or_else(|| bad_colour(colour))?);
    }
    if let Some(action) = fields.action.as_deref().filter(|it| !it.is_empty()) {
        let known = Action::ALL.into_iter().find(|it| it.name() == action || it.zh() == action);
        incoming.action = Some(known.ok_or_else(|| bad_action(action))?);
    }
    incoming.issuer = fields.issuer.filter(|it| !it.trim().is_empty()).or(incoming.issuer);
    incoming.headline = fields.title.or(incoming.headline);
    incoming.identifier = fields.identifier.filter(|it| !it.is_empty());
    incoming.issued_at = time(fields.issued_at.as_deref(), "issued_at")?.or(incoming.issued_at);
    incoming.expires = time(fields.expires_at.as_deref(), "expires_at")?.or(incoming.expires);
    if incoming.issuer.is_none() {
        return Err(to_fill_in("issuer"));
    }
    if incoming.hazard_zh.is_none() {
        return Err(to_fill_in("hazard"));
    }
    let areas = fields.areas.iter().map(|it| area(it)).collect::<Result<_, _>>()?;
    Ok(Draft { incoming, areas, invented: fields.invented })
}

fn signal_of(draft: Draft, desk: impl Fn(&[RegionCode]) -> RegionCode, now: Instant) -> Signal {
    let Draft { incoming, areas, invented } = draft;
    let real = incoming.status == Status::Actual;
    let action = match incoming.action {
        _ if !real => "test",
        None | Some(Action::Issue) => "alert",
        Some(Action::Lift) => "cancel",
        Some(Action::Continue | Action::Raise | Action::Lower | Action::Change | Action::Extend) => "update",
    };
    let state = match action {
        "test" => SignalState::Test,
        "cancel" => SignalState::Lifted,
        _ => SignalState::InForce,
    };
    let hazard_zh = incoming.hazard_zh.clone().unwrap_or_else(|| "未注明".to_owned());
    let words = incoming.description.clone().unwrap_or_else(|| incoming.original.clone());
    let identifier = incoming.identifier.clone().unwrap_or_default();
    let (sent, about) = if identifier.is_empty() {
        let about = (incoming.original.trim(), &incoming.hazard_zh, incoming.colour, action, &areas);
        (incoming.issued_at.or(Some(now)), format!("{about:?}"))
    } else {
        (incoming.issued_at, String::new())
    };
    Signal {
        id: key_of(&sender_of(&incoming), &identifier, sent, &about),
        issuer: incoming.issuer.clone().or_else(|| incoming.sender.clone()).unwrap_or_default(),
        identifier,
        hazard: incoming.hazard.clone().unwrap_or_else(|| incoming.hazard_zh.clone().unwrap_or_else(|| "other".into())),
        hazard_zh,
        colour: incoming.colour,
        action: action.to_owned(),
        title: incoming.headline.clone().unwrap_or_else(|| words.chars().take(60).collect()),
        text: words,
        format: match incoming.format {
            Format::Cap => "cap",
            Format::CnWarning => "cn_warning",
            Format::Text => "text",
        }
        .to_owned(),
        original: incoming.original,
        received_at: now,
        issued_at: incoming.issued_at,
        expires_at: incoming.expires,
        region: desk(&areas),
        areas,
        refers_to: incoming.references,
        state,
        invented,
        acknowledged_at: None,
        acknowledged_by: None,
        forwarded_at: None,
        forwarded_by: None,
        revision: 0,
    }
}

/// The sender's code or address, else the issuer in words.
fn sender_of(incoming: &IncomingSignal) -> String {
    incoming.sender.clone().or_else(|| incoming.issuer.clone()).unwrap_or_default()
}

/// From sender, number and sending time; of a message without number from its words and what they are about.
fn key_of(sender: &str, identifier: &str, sent: Option<Instant>, about: &str) -> String {
    let mut hash = Sha256::new();
    for part in [sender, identifier, &sent.map_or(0, |it| it.0).to_string(), about] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let name: String = if identifier.is_empty() { "text" } else { identifier }
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || it == '-' || it == '_' { it } else { '-' })
        .take(48)
        .collect();
    format!("{name}-{}", &hex(&hash.finalize())[..12])
}

fn time(text: Option<&str>, field: &str) -> Result<Option<Instant>, Problem> {
    let Some(text) = text.filter(|it| !it.is_empty()) else { return Ok(None) };
    Instant::parse(text).map(Some).map_err(|it| {
        Problem::new(
            "bad_time",
            format!("{field} 不是 1900 至 9998 年带时区的时间，如 2023-09-01T20:15:00+08:00"),
            it.to_string(),
        )
        .field(field)
    })
}

/// A region code of `areas`.
pub(crate) fn area(code: &str) -> Result<RegionCode, Problem> {
    RegionCode::parse(code).map_err(|it| {
        Problem::new("bad_region", format!("“{}”不是区划代码，如 440303001", it.0), it.to_string()).field("areas")
    })
}

fn to_fill_in(field: &str) -> Problem {
    let zh = match field {
        "hazard" => "灾种",
        "colour" => "颜色",
        "issuer" => "发布单位",
        other => other,
    };
    Problem::new(
        "missing_value",
        format!("原文里看不出{zh}，请填写"),
        format!("the {field} cannot be read from the text: fill it in"),
    )
    .field(field)
}

fn bad_colour(text: &str) -> Problem {
    let text: String = text.chars().take(20).collect();
    Problem::new(
        "bad_colour",
        format!("颜色“{text}”不认识；应为红色、橙色、黄色、蓝色"),
        format!("the colour \"{text}\" is unknown; use red, orange, yellow or blue"),
    )
    .field("colour")
}

fn bad_action(text: &str) -> Problem {
    let text: String = text.chars().take(20).collect();
    let known: Vec<_> = Action::ALL.iter().map(|it| it.name()).collect();
    let zh: Vec<_> = Action::ALL.iter().map(|it| it.zh()).collect();
    Problem::new(
        "bad_action",
        format!("动作“{text}”不认识；应为{}", zh.join("、")),
        format!("the action \"{text}\" is unknown; use {}", known.join(", ")),
    )
    .field("action")
}
