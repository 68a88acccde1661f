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

use std::{io, path::Path, process::ExitCode};

use anlan_kernel::{Lang, Problem, RegionCode};
use anlan_store::{StoreError, file_problem};

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
pub fn words(error: StoreError, lang: Lang) -> Bad {
    Bad(problem(error).sentence(lang))
}

/// What the system says about a file, in the language of the command line.
pub fn file(path: &Path, error: &io::Error, lang: Lang) -> Bad {
    Bad(file_problem(path, error).sentence(lang))
}

/// What the store says, in both languages.
pub fn problem(error: StoreError) -> Problem {
    let en = error.to_string();
    let (code, zh) = match error {
        StoreError::Refused(problem) => return problem,
        StoreError::Locked(place) => {
            let zh = format!("{place}：另一个 anlan 进程正在使用这个数据目录，不能同时写入");
            let en = format!("{place}: another anlan process uses this data folder; two must not write to it");
            return Problem::new("locked", zh, en);
        }
        StoreError::Engine(words) => ("store_failed", format!("数据库没有应答：{words}")),
        StoreError::Exists(words) => ("exists", format!("这条记录已经存在：{words}")),
        StoreError::Stale(id) => ("stale", format!("{id} 刚被别人改过，请重试")),
        StoreError::Race(words) => ("stale", format!("两个节点同时改了同样的记录：{words}")),
        StoreError::OutOfScope { region, .. } => ("out_of_scope", format!("区划 {region} 不在责任区内")),
        StoreError::Key(words) => ("key_failed", format!("个人信息打不开：{words}")),
        StoreError::Io(words) => ("file_failed", format!("读写出错：{words}")),
        StoreError::Shape(words) => ("bad_row", format!("存着的内容与表的约定不符：{words}")),
        StoreError::Unscoped { .. } | StoreError::Unrecorded(_) | StoreError::Fenced(_) | StoreError::ReadOnly => {
            ("store_failed", format!("程序内部出错：{en}"))
        }
    };
    Problem::new(code, zh, en)
}

/// A division code as somebody wrote it.
///
/// # Errors
/// `bad_region`, naming the field.
pub fn region(code: &str, field: &str) -> Result<RegionCode, Problem> {
    RegionCode::parse(code).map_err(|it| {
        Problem::new("bad_region", format!("“{code}”不是区划代码，如 440303"), it.to_string()).field(field)
    })
}

/// Problems, one a line.
pub fn print_problems(problems: &[Problem], lang: Lang) {
    for problem in problems {
        eprintln!("  {}", problem.sentence(lang));
    }
}
