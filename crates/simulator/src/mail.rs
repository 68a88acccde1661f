//! A mail server (SMTP, RFC 5321) that delivers to nobody: plain, STARTTLS or TLS from the first byte.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The certificate of every simulated mail server, for 127.0.0.1; its key is public knowledge.
pub const CERTIFICATE: &str = include_str!("tls/cert.pem");
const KEY: &str = include_str!("tls/key.pem");

/// When the talk is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Never.
    None,
    /// After STARTTLS; nothing is taken before.
    Start,
    /// From the first byte.
    Wrapped,
}

/// What happens to the next mail instead of being taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// RCPT is answered with this code.
    Recipient(u16),
    /// The mail is answered with this code and not taken.
    Data(u16),
    /// Taken, and the answer never comes.
    Hangs,
    /// Taken, and the line breaks instead of an answer.
    Breaks,
}

/// What it asks for.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// Encryption.
    pub tls: Tls,
    /// Account and password asked for before a mail, if any.
    pub login: Option<(String, String)>,
}

/// A mail taken.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Head and body as they came.
    pub data: String,
    /// Whether it came over an encrypted line.
    pub encrypted: bool,
}

#[derive(Debug)]
struct Inner {
    config: MailConfig,
    mails: Mutex<Vec<Mail>>,
    trouble: Mutex<VecDeque<Trouble>>,
}

/// A running mail server; ends when dropped.
#[derive(Debug)]
pub struct MailServer {
    address: SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MailServer {
    /// Opens a loopback socket and serves on it.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn start(config: MailConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner { config, mails: Mutex::default(), trouble: Mutex::default() });
        let (served, acceptor) = (Arc::clone(&inner), acceptor()?);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (inner, acceptor) = (Arc::clone(&served), acceptor.clone());
                tokio::spawn(async move {
                    // Whoever breaks the line off is done with it.
                    let _ = serve(&inner, &acceptor, stream).await;
                });
            }
        });
        Ok(Self { address, inner, task })
    }

    /// Where it listens, with the scheme that fits.
    pub fn url(&self) -> String {
        let scheme = match self.inner.config.tls {
            Tls::None => "smtp",
            Tls::Start => "smtp+starttls",
            Tls::Wrapped => "smtps",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Everything taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        held(&self.inner.mails).clone()
    }

    /// The next mail meets this.
    pub fn next(&self, trouble: Trouble) {
        held(&self.inner.trouble).push_back(trouble);
    }
}

fn acceptor() -> io::Result<TlsAcceptor> {
    let bad = |it: &dyn std::fmt::Display| io::Error::other(it.to_string());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).map_err(|it| bad(&it))?;
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).map_err(|it| bad(&it))?;
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|it| bad(&it))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .map_err(|it| bad(&it))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(inner: &Inner, acceptor: &TlsAcceptor, stream: tokio::net::TcpStream) -> io::Result<()> {
    match inner.config.tls {
        Tls::None => talk(inner, stream, true, false).await.map(drop),
        Tls::Wrapped => talk(inner, acceptor.accept(stream).await?, true, true).await.map(drop),
        Tls::Start => match talk(inner, stream, true, false).await? {
            Some(stream) => talk(inner, acceptor.accept(stream).await?, false, true).await.map(drop),
            None => Ok(()),
        },
    }
}

/// One conversation; the stream comes back where the client asked for STARTTLS.
async fn talk<S>(inner: &Inner, stream: S, greet: bool, encrypted: bool) -> io::Result<Option<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    if greet {
        say(&mut stream, "220 simulated mail server").await?;
    }
    let must_encrypt = inner.config.tls == Tls::Start && !encrypted;
    let mut known = inner.config.login.is_none();
    let (mut from, mut to) = (String::new(), Vec::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        let verb = line.split_whitespace().next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let start = if must_encrypt { "250-STARTTLS\r\n" } else { "" };
                say(&mut stream, &format!("250-localhost\r\n{start}250-8BITMIME\r\n250 AUTH PLAIN LOGIN")).await?;
            }
            "STARTTLS" if must_encrypt => {
                say(&mut stream, "220 go on").await?;
                return Ok(Some(stream.into_inner()));
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return Ok(None);
            }
            "RSET" | "NOOP" => say(&mut stream, "250 ok").await?,
            _ if must_encrypt => say(&mut stream, "530 5.7.0 must issue a STARTTLS command first").await?,
            "AUTH" => {
                known = is_known(inner, line);
                say(&mut stream, if known { "235 2.7.0 accepted" } else { "535 5.7.8 bad credentials" }).await?;
            }
            _ if !known => say(&mut stream, "530 5.7.0 authentication required").await?,
            "MAIL" => {
                from = address(line);
                to.clear();
                say(&mut stream, "250 ok").await?;
            }
            "RCPT" => match refused_recipient(inner) {
                Some(code) => say(&mut stream, &format!("{code} recipient")).await?,
                None => {
                    to.push(address(line));
                    say(&mut stream, "250 ok").await?;
                }
            },
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let data = data(&mut stream).await?;
                let trouble = held(&inner.trouble).pop_front();
                if let Some(Trouble::Data(code)) = trouble {
                    say(&mut stream, &format!("{code} not now")).await?;
                    continue;
                }
                held(&inner.mails).push(Mail { from: from.clone(), to: to.clone(), data, encrypted });
                match trouble {
                    Some(Trouble::Hangs) => std::future::pending::<()>().await,
                    Some(Trouble::Breaks) => return Ok(None),
                    _ => say(&mut stream, "250 2.0.0 queued as 1").await?,
                }
            }
            _ => say(&mut stream, "502 unknown").await?,
        }
    }
}

fn refused_recipient(inner: &Inner) -> Option<u16> {
    let mut trouble = held(&inner.trouble);
    match trouble.front() {
        Some(Trouble::Recipient(code)) => {
            let code = *code;
            trouble.pop_front();
            Some(code)
        }
        _ => None,
    }
}

/// `AUTH PLAIN <base64 of NUL account NUL password>`.
fn is_known(inner: &Inner, line: &str) -> bool {
    let plain = line.split_whitespace().nth(2).and_then(|it| STANDARD.decode(it).ok()).unwrap_or_default();
    let wanted = inner.config.login.as_ref().map(|(user, password)| format!("\0{user}\0{password}").into_bytes());
    wanted.is_none_or(|it| it == plain)
}

fn address(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or_else(String::new, |it| it.0.to_owned())
}

async fn data<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(text);
        }
        let line = line.strip_prefix(b".").unwrap_or(&line);
        text.push_str(&String::from_utf8_lossy(line));
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, line: &str) -> io::Result<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}
