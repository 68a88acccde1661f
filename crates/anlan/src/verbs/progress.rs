//! Progress of long work: one line on standard error, where somebody looks at it.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant as Wall},
};

use tokio::task::JoinHandle;

const EVERY: Duration = Duration::from_millis(500);

/// A line that is written again and again while the work goes on, and wiped out with this handle. Nothing is
/// written where standard error is no terminal.
#[derive(Debug)]
pub struct Progress {
    count: Arc<AtomicU64>,
    line: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins to say `words`, how far the work is, and how long it has taken.
    pub fn begin(words: &'static str) -> Self {
        let count = Arc::<AtomicU64>::default();
        let line = std::io::stderr().is_terminal().then(|| {
            let (count, begun) = (Arc::clone(&count), Wall::now());
            write(words, 0, begun);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    write(words, count.load(Ordering::Relaxed), begun);
                }
            })
        });
        Self { count, line }
    }

    /// Takes how far the work is.
    pub fn counter(&self) -> impl Fn(u64) + Send + use<> {
        let count = Arc::clone(&self.count);
        move |done| count.store(done, Ordering::Relaxed)
    }
}

fn write(words: &str, count: u64, begun: Wall) {
    let count = if count == 0 { String::new() } else { format!(" {count}") };
    // Whoever cannot be told does not stop the work.
    let _ = write!(std::io::stderr(), "\r\x1b[K{words}{count} … {} s", begun.elapsed().as_secs());
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.abort();
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
