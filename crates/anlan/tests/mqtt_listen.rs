//! `anlan serve --mqtt-listen`: where devices may connect, and what is said when they cannot.
#![cfg(feature = "mqtt-intake")]

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output},
};

fn serve(dir: &Path, mqtt: &str, lang: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anlan"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--district", "440303", "--lang", lang, "--mqtt-listen", mqtt]);
    command.arg("--data").arg(dir.join("data")).output().expect("the program starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn passwords_of_devices_do_not_travel_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let (zh, en) = (serve(dir.path(), "0.0.0.0:0", "zh"), serve(dir.path(), "0.0.0.0:0", "en"));
    assert_eq!((zh.status.code(), en.status.code()), (Some(2), Some(2)));
    assert!(stderr(&zh).contains("不是本机地址"), "{}", stderr(&zh));
    assert!(stderr(&en).contains("--behind-proxy"), "{}", stderr(&en));
    assert!(!dir.path().join("data").exists(), "nothing was begun");
}

#[test]
fn a_taken_port_is_said_and_another_offered() {
    let dir = tempfile::tempdir().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let said = stderr(&serve(dir.path(), &address.to_string(), "zh"));
    assert!(said.contains(&format!("端口 {} 已被别的程序占用", address.port())), "{said}");
    assert!(said.contains("--mqtt-listen 127.0.0.1:"), "{said}");
}
