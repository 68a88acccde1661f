//! The demo's channels beside its carrier: groups and a mail server that do not exist, on sockets this
//! process opens.

use std::collections::BTreeMap;

use anlan_kernel::{Actor, RegionCode};
use anlan_register::Organisation;
use anlan_simulator::{
    Bots, MailServer,
    bots::BotsConfig,
    mail::{MailConfig, Tls},
};
use anlan_warn::channel::{Channel, Endpoint, Kind, Matter};
use serde_json::json;

use crate::{house::House, verbs::Bad};

const MAIL: &str = "simulated-mail";
const BOTS: [(Kind, &str, &str); 3] = [
    (Kind::Wecom, "wecom", "simulated-wecom"),
    (Kind::Dingtalk, "dingtalk", "simulated-dingtalk"),
    (Kind::Feishu, "feishu", "simulated-feishu"),
];

/// What stands outside; ends when dropped.
#[derive(Debug)]
pub struct Outside {
    _bots: Bots,
    _mail: MailServer,
}

/// Opens them, and lets the groups hear of rounds and relayed signals, the streets of signals by mail.
///
/// # Errors
/// When no socket can be opened; what the store says.
pub async fn start(house: &House, district: &RegionCode) -> Result<Outside, Bad> {
    let secret = || anlan_store::random::<16>().map(|it| anlan_store::hex(&it));
    // World time runs faster than the wall; the pace is kept by the sender, in world time.
    let config = BotsConfig { token: secret()?, secret: secret()?, keyword: String::new(), per_minute: None };
    let bots = Bots::start(config.clone()).await?;
    let mail = MailServer::start(MailConfig { tls: Tls::None, login: None }).await?;
    let by = Actor::system("demo");
    for (kind, vendor, name) in BOTS {
        let secrets = [("token", &config.token), ("secret", &config.secret)];
        let secrets: BTreeMap<_, _> = secrets.map(|(name, it)| (name.to_owned(), it.clone())).into();
        house.warn.use_channel(Channel::new(name, kind, &bots.url(vendor)), secrets);
    }
    let settings = json!({"from": "duty@anlan.invalid"});
    let channel = Channel { settings, ..Channel::new(MAIL, Kind::Mail, &mail.url()) };
    house.warn.use_channel(channel, BTreeMap::new());
    mailboxes(house, &by).await?;
    for (matter, name) in
        [(Matter::Round, BOTS[0].2), (Matter::Signal, BOTS[0].2), (Matter::Signal, MAIL), (Matter::Failure, BOTS[1].2)]
    {
        house.warn.put_route(&by, matter, district.clone(), name).await?;
    }
    Ok(Outside { _bots: bots, _mail: mail })
}

/// One for every street of the story.
async fn mailboxes(house: &House, by: &Actor) -> Result<(), Bad> {
    let streets: Vec<Organisation> = house.world.read(by, |tx| tx.find("kind = 'street'", "ORDER BY id", &[])).await?;
    for street in streets {
        let endpoint = Endpoint {
            address: format!("{}@anlan.invalid", street.id),
            id: street.id,
            channel: MAIL.to_owned(),
            name: street.name,
            region: street.region,
            code: None,
            enabled: true,
        };
        house.warn.put_endpoint(by, endpoint).await?;
    }
    Ok(())
}
