//! The people and machines outside: sensors, the warning centre, officers. They know the product by
//! its public API only.

use std::collections::BTreeMap;

use anlan_kernel::Instant;
use anlan_web::percent;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value as Json, json};

use super::{
    setup::Credentials,
    story::{Act, Moment, Story},
};
use crate::{driver::Error, verbs::Bad};

/// Everybody outside.
pub struct Actors {
    url: String,
    http: Client,
    with: Credentials,
}

impl Actors {
    /// They speak to the product at `url`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str, _story: &Story, with: Credentials) -> Result<Self, Bad> {
        Ok(Self { url: url.to_owned(), http: Client::builder().no_proxy().build()?, with })
    }

    /// Passwords by log-in.
    pub fn passwords(&self) -> BTreeMap<&str, &str> {
        self.with.passwords.iter().map(|(login, password)| (login.as_str(), password.as_str())).collect()
    }

    /// Everything that happens at one moment: sensors report, signals come in, officers act.
    ///
    /// # Errors
    /// When the product does not answer, or refuses what it should take.
    pub async fn play(&self, story: &Story, at: Instant, moment: &Moment) -> Result<(), Error> {
        if !moment.observations.is_empty() {
            let body = moment.observations.join("\n");
            let request =
                self.http.post(self.at("/api/v1/observations")).header("content-type", "application/x-ndjson");
            self.send(request.bearer_auth(&self.with.sensors).body(body)).await?;
        }
        for signal in &moment.signals {
            let request = self.http.post(self.at("/api/v1/signals")).json(&signal.body);
            self.send(request.bearer_auth(&self.with.signals)).await?;
        }
        for number in &moment.acts {
            self.act(&story.script[*number], at).await?;
        }
        Ok(())
    }

    /// Does it once, however often the story is told: a resumed replay repeats its last moment.
    async fn act(&self, act: &Act, at: Instant) -> Result<(), Error> {
        let text = |name: &str| act.args.get(name).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let number_of = |name: &str| act.args.get(name).and_then(toml::Value::as_integer).unwrap_or_default();
        match act.action.as_str() {
            "acknowledge_signal" | "forward_signal" => {
                let verb = act.action.trim_end_matches("_signal");
                let id = self.signal(act, &text("signal")).await?;
                let path = format!("/api/v1/signals/{}/{verb}", percent(&id));
                self.post(act, &path, &json!({})).await
            }
            "record_answer" | "on_site" => {
                let how = if act.action == "on_site" { "reached_on_site" } else { "recorded_by_colleague" };
                let take = usize::try_from(number_of("take")).unwrap_or(1);
                for call in self.calls_to_record(act, at, number_of("level"), &text("region"), how, take).await? {
                    let path = format!("/api/v1/calls/{}/record", percent(&call));
                    self.post(act, &path, &json!({"how": how, "note": text("note")})).await?;
                }
                Ok(())
            }
            "accept" => {
                let round = self.round(act, number_of("level")).await?;
                let path = format!("/api/v1/escalations?round={}&state=calling", percent(&round));
                let lists = self.get(act, &path).await?;
                let region = text("region");
                for list in items(&lists).iter().filter(|it| it["region"] == region.as_str()) {
                    let path =
                        format!("/api/v1/escalations/{}/accept", percent(list["id"].as_str().unwrap_or_default()));
                    self.post(act, &path, &json!({"note": text("note")})).await?;
                }
                Ok(())
            }
            "take_help" | "end_help" => {
                let (verb, which) = if act.action == "take_help" { ("take", "open=1") } else { ("outcome", "open=0") };
                let asked = self.get(act, &format!("/api/v1/help?{which}&limit=500")).await?;
                for help in items(&asked).iter().filter(|it| it["ended_at"].is_null()) {
                    let id = percent(help["id"].as_str().unwrap_or_default());
                    let path = format!("/api/v1/help/{id}/{verb}");
                    self.post(act, &path, &json!({"outcome": text("outcome")})).await?;
                }
                Ok(())
            }
            "end_process" => {
                let hazard = text("hazard");
                let found = self.get(act, "/api/v1/processes").await?;
                for process in items(&found).iter().filter(|it| it["hazard"] == hazard.as_str() && it["open"] == true) {
                    let path = format!("/api/v1/processes/{}/stand-down", process["id"].as_str().unwrap_or_default());
                    self.post(act, &path, &json!({"note": text("note")})).await?;
                }
                Ok(())
            }
            "draft_notice" => {
                let found = self.get(act, "/api/v1/processes?open=1").await?;
                let hazard = text("hazard");
                for process in items(&found).iter().filter(|it| it["hazard"] == hazard.as_str()) {
                    let body = json!({"process": process["id"], "hat": text("hat")});
                    self.post(act, "/api/v1/notices", &body).await?;
                }
                self.each_notice(act, "unissued", "submit", &json!({})).await
            }
            "lift_notice" => {
                self.each_notice(act, "in_force", "lift", &json!({"reason": text("reason")})).await?;
                self.each_notice(act, "in_force", "submit", &json!({})).await
            }
            "sign_notice" => self.each_notice(act, "unissued,in_force", "sign", &json!({})).await,
            "telephone_note" => {
                let note = json!({"words": text("words"), "caller": text("caller"), "number": text("number")});
                self.post(act, "/api/v1/telephone-notes", &note).await
            }
            "approve_response" | "verbal_yes" | "sign_response" => {
                let (verb, wanted) = match act.action.as_str() {
                    "approve_response" => ("approve", "open"),
                    "verbal_yes" => ("verbal", "open"),
                    _ => ("sign", "approved"),
                };
                let body = json!({"approver": text("approver"), "number": text("number")});
                for step in self.steps(act, &text("plan"), wanted).await? {
                    let path = format!("/api/v1/response-steps/{}/{verb}", percent(&step));
                    self.post(act, &path, &body).await?;
                }
                Ok(())
            }
            other => Err(Error::Api(format!("story.toml: nobody knows how to {other}"))),
        }
    }

    /// Does `verb` to every notice of this state.
    async fn each_notice(&self, act: &Act, state: &str, verb: &str, body: &Json) -> Result<(), Error> {
        let found = self.get(act, &format!("/api/v1/notices?state={state}")).await?;
        for notice in items(&found) {
            let id = notice["id"].as_str().unwrap_or_default();
            self.post(act, &format!("/api/v1/notices/{}/{verb}", percent(id)), body).await?;
        }
        Ok(())
    }

    /// Our id of the signal the issuer calls `identifier`.
    async fn signal(&self, act: &Act, identifier: &str) -> Result<String, Error> {
        let found = self.get(act, "/api/v1/signals?limit=200").await?;
        let mine = items(&found).iter().find(|it| it["identifier"] == identifier || it["id"] == identifier);
        let id = mine.and_then(|it| it["id"].as_str()).map(str::to_owned);
        id.ok_or_else(|| Error::Api(format!("{}: the signal {identifier} did not come in", act.officer)))
    }

    /// Steps of the response that is on under `plan`: those that wait for a decision, or for a signature.
    async fn steps(&self, act: &Act, plan: &str, wanted: &str) -> Result<Vec<String>, Error> {
        let found = self.get(act, "/api/v1/responses").await?;
        let mut steps = Vec::new();
        for response in items(&found).iter().filter(|it| it["plan"] == plan && it["open"] == true) {
            let path = format!("/api/v1/responses/{}", percent(response["id"].as_str().unwrap_or_default()));
            let story = self.get(act, &path).await?;
            let sequence = story["sequence"].as_array().cloned().unwrap_or_default();
            let signs = wanted == "approved";
            let mine =
                |it: &&Json| it["state"] == wanted && (!signs || it["verbal"] == true && it["signed_at"].is_null());
            steps.extend(sequence.iter().filter(mine).filter_map(|it| it["id"].as_str()).map(str::to_owned));
        }
        Ok(steps)
    }

    /// The newest round of `level`.
    async fn round(&self, act: &Act, level: i64) -> Result<String, Error> {
        let found = self.get(act, "/api/v1/rounds?limit=200").await?;
        let rounds = items(&found);
        let newest =
            rounds.iter().filter(|it| it["level"] == level).max_by_key(|it| it["start_at"].as_str().map(str::to_owned));
        Ok(newest.and_then(|it| it["id"].as_str()).unwrap_or_default().to_owned())
    }

    /// The first `take` open calls by id, less those recorded at this moment already.
    async fn calls_to_record(
        &self,
        act: &Act,
        at: Instant,
        level: i64,
        region: &str,
        how: &str,
        take: usize,
    ) -> Result<Vec<String>, Error> {
        let round = percent(&self.round(act, level).await?);
        let path = |which: &str| format!("/api/v1/calls?round={round}&{which}&region={region}&limit=500");
        let by = format!("user:{}", act.officer);
        let now = |it: &&Json| it["final_at"].as_str().is_some_and(|it| Instant::parse(it) == Ok(at));
        let recorded = self.get(act, &path(&format!("state={how}"))).await?;
        let recorded = items(&recorded).iter().filter(now).filter(|it| it["by_whom"] == by.as_str()).count();
        let found = self.get(act, &path("open=1")).await?;
        let mut ids: Vec<String> = items(&found).iter().filter_map(|it| it["id"].as_str()).map(str::to_owned).collect();
        ids.sort();
        ids.truncate(take.saturating_sub(recorded));
        Ok(ids)
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn token(&self, act: &Act) -> &str {
        self.with.tokens.get(&act.officer).map_or("", String::as_str)
    }

    async fn get(&self, act: &Act, path: &str) -> Result<Json, Error> {
        self.send(self.http.get(self.at(path)).bearer_auth(self.token(act))).await
    }

    async fn post(&self, act: &Act, path: &str, body: &Json) -> Result<(), Error> {
        let request = self.http.post(self.at(path)).bearer_auth(self.token(act)).json(body);
        let answer = request.send().await.map_err(|it| Error::Api(it.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // Somebody or something was quicker: the call is final, the list accepted.
            StatusCode::CONFLICT => Ok(()),
            status => {
                let words = answer.text().await.unwrap_or_default();
                Err(Error::Api(format!("{} {path}: {status} {words}", act.officer)))
            }
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Json, Error> {
        let answer = request.send().await.map_err(|it| Error::Api(it.to_string()))?;
        let (status, url) = (answer.status(), answer.url().path().to_owned());
        let text = answer.text().await.map_err(|it| Error::Api(it.to_string()))?;
        if status.is_success() {
            return serde_json::from_str(&text).map_err(|it| Error::Api(format!("{url}: {it}: {text}")));
        }
        Err(Error::Api(format!("{url}: {status} {text}")))
    }
}

fn items(list: &Json) -> &[Json] {
    list.get("items").unwrap_or(list).as_array().map_or(&[], Vec::as_slice)
}
