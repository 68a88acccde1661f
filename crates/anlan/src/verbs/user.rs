//! `anlan user`.

use std::io::Read;

use serde_json::json;

use super::{Bad, Outcome, lang};
use crate::{
    cli::{PlaceArgs, UserVerb},
    local::{self, Request},
};

/// Accounts and devices from the command line of the machine's owner.
///
/// # Errors
/// The refusal: a weak password, an unknown role, a log-in that exists.
pub async fn run(place: &PlaceArgs, verb: &UserVerb) -> Result<Outcome, Bad> {
    let answer = local::ask(place, None, request(place, verb)?).await?;
    if place.json {
        say!("{answer}");
        return Ok(Outcome::Ok);
    }
    match verb {
        UserVerb::List => {
            for account in answer["accounts"].as_array().into_iter().flatten() {
                let text = |name: &str| account[name].as_str().unwrap_or_default().to_owned();
                let state =
                    if account["disabled"] == json!(true) { lang(place).pick("停用", "disabled") } else { "" };
                say!("{:16} {:16} {} {state}", text("login"), text("role"), account["regions"]);
            }
        }
        UserVerb::FirstCode => match answer["code"].as_str() {
            Some(code) => say!("{code}"),
            None => say!(
                "{}",
                lang(place).pick("已有账号，不再需要一次性代码", "there are accounts already; no code is needed")
            ),
        },
        UserVerb::Device { id, .. } => say!("{id}: {}", answer["secret"].as_str().unwrap_or_default()),
        UserVerb::Add { .. } | UserVerb::Disable { .. } => say!("{}", lang(place).pick("完成", "done")),
    }
    Ok(Outcome::Ok)
}

fn request(place: &PlaceArgs, verb: &UserVerb) -> Result<Request, Bad> {
    Ok(match verb {
        UserVerb::Add { login, role, region, name, hat } => {
            let mut password = String::new();
            std::io::stdin().read_to_string(&mut password)?;
            let regions = region.iter().map(|it| super::region(it, "--region")).collect::<Result<_, _>>();
            let regions = regions.map_err(|it| Bad(it.sentence(lang(place))))?;
            Request::AddAccount {
                login: login.clone(),
                password: password.trim_end_matches(['\r', '\n']).to_owned(),
                name: if name.is_empty() { login.clone() } else { name.clone() },
                role: role.clone(),
                regions,
                hat: hat.clone(),
            }
        }
        UserVerb::List => Request::Accounts,
        UserVerb::Disable { login } => Request::Disable { login: login.clone() },
        UserVerb::FirstCode => Request::FirstCode,
        UserVerb::Device { id, station } => Request::Device { id: id.clone(), stations: station.clone() },
    })
}
