//! A file of observations through the same door as everything else.

use anlan_kernel::Problem;
use anlan_store::StoreError;
use serde_json::{Value as Json, json};

use super::{Allowed, Answer, Sender};
use crate::service::Monitor;

/// Rows handed over at once.
const SLICE: usize = 10_000;

/// Takes a csv of observations (UTF-8 or GBK, header row); problems name the line. A dry run only reads.
///
/// # Errors
/// What log or store say.
pub async fn file(monitor: &Monitor, name: &str, bytes: &[u8], dry_run: bool) -> Result<Answer, StoreError> {
    let (rows, problems) = read(bytes);
    let mut answer = Answer { refused: problems, ..Answer::default() };
    if dry_run {
        answer.taken = rows.len() as u64;
        return Ok(answer);
    }
    let sender = Sender { name: format!("file:{name}"), way: "file", stations: Allowed::All };
    for slice in rows.chunks(SLICE) {
        let body: String = slice.iter().map(|(_, row)| format!("{row}\n")).collect();
        let part = monitor.take(&sender, body.as_bytes()).await?;
        answer.taken += part.taken;
        answer.duplicates += part.duplicates;
        answer.refused.extend(part.refused.into_iter().map(|mut it| {
            it.place.line = it.place.index.take().and_then(|at| slice.get(at)).map(|(line, _)| *line);
            it
        }));
    }
    Ok(answer)
}

fn read(bytes: &[u8]) -> (Vec<(usize, Json)>, Vec<Problem>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) => {
            let (text, _, broken) = encoding_rs::GB18030.decode(bytes);
            if broken {
                let at = error.valid_up_to();
                let line = bytes[..at].iter().filter(|it| **it == b'\n').count() + 1;
                let problem = Problem::new("bad_encoding", "既不是 UTF-8 也不是 GBK 编码", "neither UTF-8 nor GBK");
                return (Vec::new(), vec![problem.line(line).byte(at)]);
            }
            text.into_owned()
        }
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers: Vec<String> = reader.headers().map(|it| it.iter().map(str::to_owned).collect()).unwrap_or_default();
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, |it| usize::try_from(it.line()).unwrap_or(0));
                let field =
                    |name: &str| headers.iter().position(|it| it == name).and_then(|at| record.get(at)).unwrap_or("");
                let value = serde_json::from_str::<Json>(field("value")).unwrap_or_else(|_| match field("value") {
                    "" => Json::Null,
                    other => other.into(),
                });
                rows.push((line, json!({
                    "observed_at": field("observed_at"), "station_id": field("station_id"),
                    "quantity": field("quantity"), "value": value, "unit": field("unit"), "quality": field("quality"),
                })));
            }
            Err(error) => {
                let line = error.position().map_or(0, |it| usize::try_from(it.line()).unwrap_or(0));
                problems.push(Problem::new("not_a_table", "这一行不是 CSV", error.to_string()).line(line));
            }
        }
    }
    (rows, problems)
}
