//! The verbs that are not the server.

mod certificate;
pub mod decode;
pub mod doctor;
pub mod keep;
pub mod pack;
pub mod progress;
pub mod replay;
pub mod roster;
pub mod user;

use std::process::ExitCode;

use anlan_kernel::{Lang, Problem};

use crate::cli::PlaceArgs;

/// How a verb ends: 0 ok, 1 answered no, 2 bad input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok,
    /// The answer is no: something is wrong with what was looked at.
    No,
}

/// Why a verb could not answer: the input or the place is wrong.
#[derive(Debug)]
pub struct Bad(pub String);

impl<E: std::fmt::Display> From<E> for Bad {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Exit code of a verb; what went wrong goes to standard error.
pub fn finish(outcome: Result<Outcome, Bad>) -> ExitCode {
    match outcome {
        Ok(Outcome::Ok) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(Bad(words)) => {
            eprintln!("anlan: {words}");
            ExitCode::from(2)
        }
    }
}

/// The language of the command line.
pub fn lang(place: &PlaceArgs) -> Lang {
    Lang::from_accept(&place.lang)
}

/// A refusal in the language of the command line.
pub fn words(error: anlan_store::StoreError, lang: Lang) -> Bad {
    match error {
        anlan_store::StoreError::Refused(problem) => Bad(problem.sentence(lang)),
        anlan_store::StoreError::Locked(place) => Bad(match lang {
            Lang::Zh => format!("{place}：另一个 anlan 进程正在使用这个数据目录，不能同时写入"),
            Lang::En => format!("{place}: another anlan process uses this data folder; two must not write to it"),
        }),
        other => Bad(other.to_string()),
    }
}

/// Problems, one a line.
pub fn print_problems(problems: &[Problem], lang: Lang) {
    for problem in problems {
        eprintln!("  {}", problem.sentence(lang));
    }
}
