//! Secrets: made here, handed out once, kept as digests only.

use anlan_store::{StoreError, hex, random};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Letters that are easy to read aloud and type.
const LETTERS: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// 32 random bytes as text that fits a header, a cookie and a URL.
pub fn token() -> Result<String, StoreError> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// A secret of `kind` that names its world: `device~real~…`.
pub fn credential(kind: &str, world: &str) -> Result<String, StoreError> {
    Ok(format!("{kind}~{world}~{}", token()?))
}

/// The world a credential names.
pub fn world_of(credential: &str) -> Option<&str> {
    credential.split('~').nth(1)
}

/// SHA-256 over the purpose and the text, hex.
pub fn digest(purpose: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(purpose.as_bytes());
    hash.update([0]);
    hash.update(text.as_bytes());
    hex(&hash.finalize())
}

/// `count` easy letters; for names of things that need not be secret but must differ.
pub fn letters(count: usize) -> String {
    code(count).unwrap_or_else(|_| "x".repeat(count))
}

/// `count` easy letters from the random source; 31 of them are a little less than 5 bits each.
pub fn code(count: usize) -> Result<String, StoreError> {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let fair = random::<32>()?.into_iter().filter(|it| *it < 248);
        text.extend(fair.map(|it| char::from(LETTERS[usize::from(it % 31)])).take(count - text.len()));
    }
    Ok(text)
}

/// Equality that takes the same time wherever the texts differ.
pub fn same(a: &str, b: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(a.as_bytes(), b.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_names_its_world_and_never_repeats() {
        let (a, b) = (credential("device", "real").unwrap(), credential("device", "real").unwrap());
        assert_ne!(a, b);
        assert_eq!(world_of(&a), Some("real"));
        assert!(a.len() > 43 && !a.contains('.'));
    }

    #[test]
    fn a_code_is_made_of_easy_letters() {
        let code = code(16).unwrap();
        assert_eq!(code.len(), 16);
        assert!(code.bytes().all(|it| LETTERS.contains(&it)));
    }
}
