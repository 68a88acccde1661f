//! ID tokens (OpenID Connect Core 1.0, 2 and 3.1.3.7): signed by a key of the provider, for us, now, and in answer to
//! our own question. RS256 and ES256 (RFC 7518, 3.1); everything else is refused, `none` too.

use anlan_kernel::Instant;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::{Deserialize, de::DeserializeOwned};

/// Seconds the clocks of both sides may differ.
const LEEWAY: i64 = 60;

/// The keys a provider signs with (RFC 7517).
#[derive(Debug, Deserialize)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The provider, to the letter.
    pub issuer: &'a str,
    /// We.
    pub client: &'a str,
    /// What we asked with.
    pub nonce: &'a str,
    /// Real time.
    pub now: Instant,
}

/// Who logged in at the provider (`sub`), or what is wrong with the token.
pub fn subject(token: &str, keys: &KeySet, wanted: Wanted<'_>) -> Result<String, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("no token")?;
    let (header, claims) = signed.split_once('.').ok_or("no token")?;
    let header: Header = part(header)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "no base64")?;
    let mut fitting = keys.keys.iter().filter(|it| it.fits(&header));
    if !fitting.any(|it| it.verifies(&header.alg, signed.as_bytes(), &signature).is_some()) {
        return Err("signed by no key of the provider");
    }
    let claims: Claims = part(claims)?;
    let for_us = match &claims.aud {
        Audience::One(it) => it == wanted.client,
        Audience::Many(all) => {
            all.iter().any(|it| it == wanted.client) && (all.len() == 1 || claims.azp.as_deref() == Some(wanted.client))
        }
    };
    if claims.iss != wanted.issuer {
        return Err("of another provider");
    }
    if !for_us {
        return Err("for somebody else");
    }
    if wanted.now >= Instant::from_secs(claims.exp.clamp(0, i64::MAX / 2_000_000) + LEEWAY) {
        return Err("over");
    }
    if !claims.nonce.is_some_and(|it| crate::secret::same(&it, wanted.nonce)) {
        return Err("in answer to another question");
    }
    if claims.sub.is_empty() || claims.sub.len() > 255 { Err("of nobody") } else { Ok(claims.sub) }
}

fn part<T: DeserializeOwned>(text: &str) -> Result<T, &'static str> {
    let plain = URL_SAFE_NO_PAD.decode(text).map_err(|_| "no base64")?;
    serde_json::from_slice(&plain).map_err(|_| "a part that is not understood")
}

impl Key {
    fn fits(&self, header: &Header) -> bool {
        let signs = self.purpose.as_deref().is_none_or(|it| it == "sig");
        signs && (header.kid.is_none() || self.kid == header.kid)
    }

    /// The kind of the key decides which algorithm it may have signed with.
    fn verifies(&self, alg: &str, message: &[u8], signature: &[u8]) -> Option<()> {
        let number = |it: &Option<String>| URL_SAFE_NO_PAD.decode(it.as_deref()?).ok();
        match (alg, self.kty.as_str()) {
            ("RS256", "RSA") => {
                let key = RsaPublicKeyComponents { n: number(&self.n)?, e: number(&self.e)? };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).ok()
            }
            ("ES256", "EC") if self.crv.as_deref() == Some("P-256") => {
                let point = [vec![4], number(&self.x)?, number(&self.y)?].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).ok()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
    };
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::*;

    const NOW: i64 = 1_700_000_000;

    struct Signer(EcdsaKeyPair);

    impl Signer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
        }

        fn keys(&self) -> KeySet {
            let point = self.0.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            serde_json::from_value(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": x, "y": y}]}))
                .unwrap()
        }

        fn token(&self, header: &Json, claims: &Json) -> String {
            let encode = |it: &Json| URL_SAFE_NO_PAD.encode(it.to_string());
            let signed = format!("{}.{}", encode(header), encode(claims));
            let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn claims(changed: &Json) -> Json {
        let mut all = json!({"iss": "https://id.example", "sub": "42", "aud": "anlan", "exp": NOW + 300, "nonce": "n"});
        for (name, value) in changed.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }

    #[rstest]
    #[case::right(json!({}), Ok("42"))]
    #[case::one_of_several(json!({"aud": ["anlan", "other"], "azp": "anlan"}), Ok("42"))]
    #[case::handed_to_another(json!({"aud": ["anlan", "other"], "azp": "other"}), Err("for somebody else"))]
    #[case::another_client(json!({"aud": "other"}), Err("for somebody else"))]
    #[case::another_provider(json!({"iss": "https://id.example/"}), Err("of another provider"))]
    #[case::just_over(json!({"exp": NOW - 59}), Ok("42"))]
    #[case::over(json!({"exp": NOW - 60}), Err("over"))]
    #[case::endless(json!({"exp": i64::MAX}), Ok("42"))]
    #[case::another_question(json!({"nonce": "m"}), Err("in answer to another question"))]
    #[case::no_question(json!({"nonce": null}), Err("in answer to another question"))]
    #[case::nobody(json!({"sub": ""}), Err("of nobody"))]
    fn a_token_names_its_subject_or_is_refused(#[case] changed: Json, #[case] want: Result<&str, &str>) {
        let signer = Signer::new();
        let token = signer.token(&json!({"alg": "ES256", "kid": "a"}), &claims(&changed));
        let wanted = Wanted { issuer: "https://id.example", client: "anlan", nonce: "n", now: Instant::from_secs(NOW) };
        assert_eq!(subject(&token, &signer.keys(), wanted).as_deref(), want.as_ref().map(|it| *it));
    }

    #[rstest]
    #[case::none(json!({"alg": "none"}))]
    #[case::symmetric(json!({"alg": "HS256", "kid": "a"}))]
    #[case::kind_of_another_key(json!({"alg": "RS256", "kid": "a"}))]
    #[case::unknown_key(json!({"alg": "ES256", "kid": "b"}))]
    fn only_a_key_of_the_provider_signs(#[case] header: Json) {
        let signer = Signer::new();
        let wanted = Wanted { issuer: "https://id.example", client: "anlan", nonce: "n", now: Instant::from_secs(NOW) };
        let token = signer.token(&header, &claims(&json!({})));
        assert_eq!(subject(&token, &signer.keys(), wanted), Err("signed by no key of the provider"));
        let token = Signer::new().token(&json!({"alg": "ES256", "kid": "a"}), &claims(&json!({})));
        assert_eq!(subject(&token, &signer.keys(), wanted), Err("signed by no key of the provider"));
        for nonsense in ["", "a", "a.b", "a.b.c", "..", "{}.{}.{}"] {
            assert!(subject(nonsense, &signer.keys(), wanted).is_err(), "{nonsense}");
        }
    }
}
