//! Loudspeakers and mailboxes (终端): checked, listed, imported.

use anlan_kernel::{Actor, Problem, RegionCode};
use anlan_register::import::{
    Report,
    sheet::{self, Column, Row, Sheet},
};
use anlan_store::{Event, StoreError, Tx, Urgency};
use serde_json::json;

use super::{
    kind::{Kind, is_name},
    model::{Channel, Endpoint},
};
use crate::{Warn, service::refusal};

const COLUMNS: &[Column] = &[
    ("id", &["编号", "终端编号", "id"]),
    ("name", &["名称", "终端名称", "单位", "name"]),
    ("region", &["区划代码", "区划", "region_code", "region"]),
    ("address", &["地址", "号码", "设备号", "邮箱", "address", "number"]),
    ("code", &["接入码", "密码", "code"]),
    ("enabled", &["启用", "enabled"]),
];

fn wrong(field: &str, zh: impl Into<String>, en: impl Into<String>) -> Problem {
    Problem::new("bad_endpoint", zh, en).field(field)
}

/// What makes no sense about a loudspeaker or mailbox of this kind of channel.
///
/// # Errors
/// `bad_endpoint`, naming the field.
pub fn check(kind: Kind, endpoint: &Endpoint) -> Result<(), Problem> {
    let digits = |it: &str| it.bytes().all(|b| b.is_ascii_digit());
    let address = endpoint.address.as_str();
    if !is_name(&endpoint.id) {
        return Err(wrong(
            "id",
            "终端编号只能用小写字母、数字和 -",
            "an endpoint id is lower-case letters, digits and -",
        ));
    }
    if endpoint.name.trim().is_empty() {
        return Err(wrong("name", "请填写名称", "a name is missing"));
    }
    match kind {
        Kind::Mail if address.parse::<lettre::Address>().is_err() => {
            Err(wrong("address", format!("“{address}”不是邮件地址"), format!("{address:?} is no mail address")))
        }
        Kind::Speaker if address.is_empty() || address.contains(['/', '+', '#', ' ']) => {
            Err(wrong("address", "设备号不能为空，不能含 / + # 和空格", "a speaker id holds no / + # or blank"))
        }
        Kind::SpeakerDial if !(digits(address) && (3..=20).contains(&address.len())) => {
            Err(wrong("address", "号码应为 3 至 20 位数字", "a number has 3 to 20 digits"))
        }
        Kind::SpeakerDial if endpoint.code.as_deref().is_some_and(|it| it.chars().count() > 20) => {
            Err(wrong("code", "接入码最多 20 个字", "an access code has at most 20 characters"))
        }
        Kind::Mail | Kind::Speaker | Kind::SpeakerDial => Ok(()),
        _ => Err(wrong("channel", "这类通道没有终端", "a channel of this kind has no endpoints")),
    }
}

impl Warn {
    /// Stores loudspeakers or mailboxes.
    ///
    /// # Errors
    /// A refusal naming what is wrong; what the store says.
    pub async fn put_endpoint(&self, actor: &Actor, endpoint: Endpoint) -> Result<(), StoreError> {
        let channel = self.channel_of(actor, &endpoint.channel).await?;
        check(channel.kind, &endpoint)?;
        self.world
            .write("endpoint", Urgency::Urgent, actor, move |tx| {
                tx.put(&endpoint)?;
                tx.record(Event::new("endpoint.changed", &endpoint.id).region(&endpoint.region))
            })
            .await
    }

    /// Takes a loudspeaker or mailbox off the list.
    ///
    /// # Errors
    /// A refusal when there is none; what the store says.
    pub async fn remove_endpoint(&self, actor: &Actor, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.world
            .write("endpoint", Urgency::Urgent, actor, move |tx| {
                if !tx.delete::<Endpoint>(&id)? {
                    return Err(refusal("no_such_endpoint", "没有这个终端", "there is no such endpoint"));
                }
                tx.record(Event::new("endpoint.removed", &id))
            })
            .await
    }

    /// Imports a table of loudspeakers or mailboxes of one channel; every good row is taken, every other
    /// one named. Repeating an import changes nothing.
    ///
    /// # Errors
    /// `bad_sheet`, `not_a_table`, a refusal when there is no such channel; what the store says.
    pub async fn import_endpoints(
        &self,
        actor: &Actor,
        channel: &str,
        bytes: &[u8],
        file_name: &str,
    ) -> Result<Report, StoreError> {
        let channel = self.channel_of(actor, channel).await?;
        let sheet = sheet::read(bytes, file_name, COLUMNS)?;
        let mut report = Report::default();
        let mut good = Vec::new();
        for row in &sheet.rows {
            match read(&sheet, row, &channel) {
                Ok(endpoint) => good.push(endpoint),
                Err(problem) => report.problems.push(problem.row(row.number)),
            }
        }
        report.taken = good.len();
        let counted = self
            .world
            .write("endpoint.import", Urgency::Background, actor, move |tx| store(tx, &channel.id, &good))
            .await?;
        [report.new, report.changed, report.same] = counted;
        Ok(report)
    }
}

fn read(sheet: &Sheet, row: &Row, channel: &Channel) -> Result<Endpoint, Problem> {
    let cell = |key: &str| sheet.cell(row, key);
    let code = cell("code");
    let endpoint = Endpoint {
        id: cell("id").to_owned(),
        channel: channel.id.clone(),
        name: cell("name").to_owned(),
        region: RegionCode::parse(cell("region")).map_err(|it| {
            wrong("region", format!("区划代码“{}”应为 2 至 18 位数字", it.0), format!("{:?} is no division code", it.0))
                .field(sheet.title("region"))
        })?,
        address: cell("address").to_owned(),
        code: (!code.is_empty()).then(|| code.to_owned()),
        enabled: !matches!(cell("enabled"), "否" | "0" | "停用" | "false" | "no"),
    };
    check(channel.kind, &endpoint).map_err(|it| {
        let title = it.place.field.as_deref().map_or_else(String::new, |it| sheet.title(it));
        it.field(title)
    })?;
    Ok(endpoint)
}

fn store(tx: &mut Tx<'_>, channel: &str, endpoints: &[Endpoint]) -> Result<[usize; 3], StoreError> {
    let mut counted = [0; 3];
    for endpoint in endpoints {
        let before = tx.get::<Endpoint>(&endpoint.id)?;
        let place = match &before {
            None => 0,
            Some(before) if before != endpoint => 1,
            Some(_) => 2,
        };
        counted[place] += 1;
        if place < 2 {
            tx.put(endpoint)?;
        }
    }
    let detail = json!({"new": counted[0], "changed": counted[1]});
    tx.record(Event::new("endpoint.imported", channel).detail(detail))?;
    Ok(counted)
}
