//! Keys: one master key outside the data folder, one wrapped key per person inside the store.

use std::{fs, path::Path};

use anlan_kernel::{Instant, Problem};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{StoreError, conn::Conn, disk, file_problem, params, table};

/// Everything derived from the master key of an installation.
#[derive(Clone)]
pub struct Keys {
    wrap: [u8; 32],
    backup: [u8; 32],
    secrets: [u8; 32],
    signing: SigningKey,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Reads the master key file (64 hex digits).
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is none, the file is not a key, or it cannot be used.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => missing(path),
            _ => at(path, &error),
        })?;
        unhex(text.trim()).map(Self::from_master).ok_or_else(|| no_key(path).into())
    }

    /// As [`Keys::open`]; makes the key where there is none, readable by its owner only. For a world that
    /// is made at this moment: nothing that stands already opens under a new key.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            return Self::open(path);
        }
        if let Some(parent) = path.parent() {
            disk::make_dir(parent).map_err(|it| at(path, &it))?;
        }
        let master = random::<32>()?;
        match write_private(path, &hex(&master)) {
            Ok(()) => Ok(Self::from_master(master)),
            // Another process was first; its key is the one that counts.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Self::open(path),
            Err(error) => Err(at(path, &error)),
        }
    }

    /// Keys derived from 32 bytes.
    pub fn from_master(master: [u8; 32]) -> Self {
        let derive = |purpose: &str| -> [u8; 32] { mac(&master, purpose.as_bytes()) };
        Self {
            wrap: derive("anlan person keys"),
            backup: derive("anlan backups"),
            secrets: derive("anlan secrets"),
            signing: SigningKey::from_bytes(&derive("anlan head signatures")),
        }
    }

    /// The key under which backups are encrypted.
    pub fn backup(&self) -> [u8; 32] {
        self.backup
    }

    /// The key under which secrets of other systems (gateways) are kept, and answer links are made.
    pub fn secrets(&self) -> [u8; 32] {
        self.secrets
    }

    /// The public half of the key that signs heads; tells one master key from another.
    pub(crate) fn signer(&self) -> String {
        hex(self.signing.verifying_key().as_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing.sign(message).to_bytes().to_vec()
    }

    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let public: VerifyingKey = self.signing.verifying_key();
        Signature::from_slice(signature).is_ok_and(|it| public.verify_strict(message, &it).is_ok())
    }

    /// Seals `plain` under the key of `person`, made on first use.
    pub(crate) fn seal(
        &self,
        conn: &mut Conn<'_>,
        now: Instant,
        person: &str,
        context: &str,
        plain: &[u8],
    ) -> Result<String, StoreError> {
        let key = match self.person_key(conn, person)? {
            Some(key) => key,
            None => self.make_person_key(conn, now, person)?,
        };
        Ok(table::encode(&[&key_number(&key)[..], &lock(&key, context, plain)?].concat()))
    }

    /// Opens what [`Keys::seal`] closed; `None` when the person's key was destroyed.
    pub(crate) fn open_sealed(
        &self,
        conn: &mut Conn<'_>,
        person: &str,
        context: &str,
        sealed: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(key) = self.person_key(conn, person)? else { return Ok(None) };
        let sealed = table::decode(sealed)?;
        match sealed.split_first_chunk::<4>() {
            Some((number, sealed)) if *number == key_number(&key) => unlock(&key, context, sealed).map(Some),
            // Sealed under an earlier key of this person, which was destroyed.
            Some(_) => Ok(None),
            None => Err(StoreError::Key("the sealed text was cut".into())),
        }
    }

    /// Number of the key `person` has now; `None` once it was destroyed.
    pub(crate) fn number(&self, conn: &mut Conn<'_>, person: &str) -> Result<Option<[u8; 4]>, StoreError> {
        Ok(self.person_key(conn, person)?.map(|it| key_number(&it)))
    }

    fn person_key(&self, conn: &mut Conn<'_>, person: &str) -> Result<Option<[u8; 32]>, StoreError> {
        let rows = conn.query("SELECT wrapped FROM person_key WHERE person = $1", params![person])?;
        rows.first().map(|row| self.unwrap(person, &row.blob(0)?)).transpose()
    }

    pub(crate) fn unwrap(&self, person: &str, wrapped: &[u8]) -> Result<[u8; 32], StoreError> {
        let key = unlock(&self.wrap, person, wrapped)?;
        key.try_into().map_err(|_| StoreError::Key(format!("the key of {person} has a wrong length")))
    }

    fn make_person_key(&self, conn: &mut Conn<'_>, now: Instant, person: &str) -> Result<[u8; 32], StoreError> {
        let key = random::<32>()?;
        let wrapped = lock(&self.wrap, person, &key)?;
        conn.execute(
            "INSERT INTO person_key(person, wrapped, made_at) VALUES ($1, $2, $3)",
            params![person, wrapped, now],
        )?;
        Ok(key)
    }
}

fn at(path: &Path, error: &std::io::Error) -> StoreError {
    file_problem(path, error).into()
}

fn no_key(path: &Path) -> Problem {
    let path = path.display();
    Problem::new(
        "bad_master_key",
        format!("{path} 不是主密钥：应为 64 位十六进制数字"),
        format!("{path} is no master key: it does not hold 64 hex digits"),
    )
}

fn missing(path: &Path) -> StoreError {
    let path = path.display();
    StoreError::Refused(Problem::new(
        "no_master_key",
        format!("没有主密钥文件 {path}；已有的数据和备份只能用建立时的那一把打开，请用 --key-file 指明它"),
        format!(
            "there is no master key file {path}; a world or a backup that exists opens under its own key only: name it with --key-file"
        ),
    ))
}

/// Tells a key from a later one of the same person, and nothing else.
fn key_number(key: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = mac(key, b"anlan key number");
    [a, b, c, d]
}

/// Number of the key a text was sealed under.
pub(crate) fn number_of(sealed: &str) -> Option<[u8; 4]> {
    table::decode(sealed).ok()?.first_chunk().copied()
}

/// ChaCha20-Poly1305 with a random nonce in front; `context` is authenticated.
pub fn lock(key: &[u8; 32], context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
    let nonce = random::<12>()?;
    let sealed = ChaCha20Poly1305::new(&(*key).into())
        .encrypt(&nonce.into(), Payload { msg: plain, aad: context.as_bytes() })
        .map_err(|_| StoreError::Key("sealing failed".into()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`lock`] closed.
pub fn unlock(key: &[u8; 32], context: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let wrong = || StoreError::Key("the key is wrong or the sealed text was changed".into());
    let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or_else(wrong)?;
    ChaCha20Poly1305::new(&(*key).into())
        .decrypt(&(*nonce).into(), Payload { msg: sealed, aad: context.as_bytes() })
        .map_err(|_| wrong())
}

fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Bytes of the operating system's random source.
///
/// # Errors
/// [`StoreError::Io`] when it has none.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|it| StoreError::Io(it.to_string()))?;
    Ok(bytes)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}

/// 32 bytes from 64 hex digits.
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let bytes = (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()).collect::<Option<Vec<_>>>()?;
    bytes.try_into().ok()
}

/// Whole or not at all, and never over one that stands there: half a key opens nothing ever again.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let draft = Path::new(&name);
    let mut file = disk::create(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(draft, path);
    fs::remove_file(draft)?;
    disk::sync_name(path)?;
    linked
}
