//! `anlan decode`.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
};

use anlan_codecs::decode;

use super::{Bad, Outcome, lang};
use crate::cli::{DecodeArgs, PlaceArgs};

/// Decodes messages, one JSON object a line.
///
/// # Errors
/// When the kind is unknown or the input cannot be read.
pub fn run(place: &PlaceArgs, args: &DecodeArgs) -> Result<Outcome, Bad> {
    decode::check_kind(&args.kind).map_err(|it| Bad(it.sentence(lang(place))))?;
    let mut input: Box<dyn BufRead> = match args.file.as_str() {
        "-" => Box::new(BufReader::new(io::stdin())),
        path => Box::new(BufReader::new(File::open(path).map_err(|it| super::file(path.as_ref(), &it, lang(place)))?)),
    };
    let mut out = io::stdout().lock();
    let mut all_fine = true;
    let mut answer = |value: serde_json::Value| -> Result<(), Bad> {
        all_fine &= value["ok"] == true;
        Ok(writeln!(out, "{value}")?)
    };
    if !args.jsonl && !args.hex {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        answer(decode::line(&args.kind, &bytes))?;
    } else {
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if !text.is_empty() {
                answer(if args.jsonl {
                    decode::jsonl_line(&args.kind, text)
                } else {
                    match decode::hex(text) {
                        Ok(bytes) => decode::line(&args.kind, &bytes),
                        Err(problem) => {
                            serde_json::json!({"ok": false, "error": problem.code, "at": problem.place.byte})
                        }
                    }
                })?;
            }
            line.clear();
        }
    }
    Ok(if all_fine { Outcome::Ok } else { Outcome::No })
}
