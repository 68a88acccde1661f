//! The carrier as a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anlan_simulator::CarrierClient;

#[tokio::test]
async fn the_first_line_is_the_address_and_closing_stdin_ends_it() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_anlan-carrier"))
        .args(["--driven-from", "2023-09-01T20:15:00+08:00", "--secret", "s", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(told["pid"], child.id());
    let client = CarrierClient::new(told["url"].as_str().unwrap(), "s").unwrap();
    assert_eq!(client.next().await.unwrap(), None);
    assert_eq!(client.log().await.unwrap().now.to_rfc3339(), "2023-09-01T12:15:00Z");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_senseless_setting_ends_it_with_two_and_says_why() {
    let output = Command::new(env!("CARGO_BIN_EXE_anlan-carrier"))
        .args(["--callback", "http://192.0.2.1/receipts"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("[callback]"));
}
