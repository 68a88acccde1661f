//! `anlan demo` from the outside: the real binary, to the end of the night.

mod common;

use common::{anlan, assert_adds_up, run, small_story, stderr, stdout, summary};

#[test]
fn a_small_night_ends_with_everybody_accounted_for_and_a_sound_journal() {
    let dir = tempfile::tempdir().expect("a folder");
    let data = dir.path().join("data");
    let story = small_story(dir.path());
    let told =
        run(anlan().args(["demo", "--port", "0", "--exit-when-done", "--data"]).arg(&data).arg("--story").arg(&story));
    assert!(told.status.success(), "{}", stderr(&told));
    let first = summary(&told);
    assert_adds_up(&first);
    assert_eq!(first["rounds"], 2, "one for the measured wind, a graver one for the red signal: {first}");

    let heads = dir.path().join("data.heads/small.jsonl");
    let verified = run(anlan().args(["verify", "--world", "small", "--data"]).arg(&data).arg("--head").arg(&heads));
    assert!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));

    let args = ["demo", "--port", "0", "--exit-when-done", "--district", "small", "--data"];
    let again = run(anlan().args(args).arg(&data).arg("--story").arg(&story));
    assert!(stdout(&again).contains("台账演示数据已写完"), "{}{}", stdout(&again), stderr(&again));
    assert_eq!(summary(&again), first, "the same night again, whatever is written beside it");
}

#[test]
fn the_shipped_night_calls_all_2_535_people_and_loses_nobody() {
    let dir = tempfile::tempdir().expect("a folder");
    let told = run(anlan().args(["demo", "--port", "0", "--exit-when-done", "--data"]).arg(dir.path().join("data")));
    assert!(told.status.success(), "{}", stderr(&told));
    let summary = summary(&told);
    assert_adds_up(&summary);
    assert!(summary["called"].as_i64() >= Some(2_535), "{summary}");
    assert_eq!(summary["rounds"], 4, "a round at every call-out level: {summary}");
    assert!(summary["alarms"].as_i64() > Some(0), "{summary}");
    for by_hand in ["recorded_by_colleague", "reached_on_site", "handed_over"] {
        assert!(summary["final"][by_hand].as_i64() > Some(0), "{by_hand}: {summary}");
    }
}

#[test]
fn a_taken_port_is_said_plainly_and_another_is_offered() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = holder.local_addr().expect("its address").port().to_string();
    let dir = tempfile::tempdir().expect("a folder");
    let refused = run(anlan().args(["demo", "--port", &port, "--data"]).arg(dir.path().join("data")));
    assert_eq!(refused.status.code(), Some(2));
    let words = stderr(&refused);
    assert!(words.contains("已被别的程序占用") && words.contains("--port"), "{words}");
}

#[test]
fn speaking_to_the_world_in_clear_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    for verb in [vec!["serve", "--listen", "0.0.0.0:0"], vec!["demo", "--listen", "0.0.0.0", "--port", "0"]] {
        let refused = run(anlan().args(&verb).arg("--data").arg(dir.path().join("data")));
        assert_eq!(refused.status.code(), Some(2), "{verb:?}");
        assert!(stderr(&refused).contains("tls-cert"), "{}", stderr(&refused));
    }
}

#[test]
fn a_signal_ends_the_demo_in_the_middle_of_its_night() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = anlan();
    command.args(["demo", "--port", "0", "--speed", "1", "--data"]).arg(dir.path().join("data"));
    let mut demo = command
        .arg("--story")
        .arg(small_story(dir.path()))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the demo starts");
    let mut greeting = String::new();
    let mut said = std::io::BufReader::new(demo.stdout.take().expect("its output"));
    while !greeting.contains("http://") {
        assert!(std::io::BufRead::read_line(&mut said, &mut greeting).expect("its words") > 0, "{greeting}");
    }
    let pid = demo.id().to_string();
    // The handler is there a moment after the greeting; until then the signal ends it as well, by itself.
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
    std::io::Read::read_to_string(&mut said, &mut greeting).expect("the output ends with the demo");
    demo.wait().expect("the demo ended");
}
