//! Log-in at an identity provider: against one that speaks OpenID Connect over HTTP and signs for real.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use anlan_store::real_now;
use anlan_testbed::Engine;
use anlan_web::Provider;
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Redirect, Response},
    routing::{get as on_get, post as on_post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rstest::rstest;
use serde_json::{Value as Json_, json};
use sha2::{Digest as _, Sha256};

use crate::bed::{Answer, Bed, form, get, with};

const SECRET: &str = "s3cret/with+signs";
const RSA: &[u8] = include_bytes!("../data/oidc/rs256-only-for-tests.pk8");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alg {
    Rs256,
    Es256,
}

type Asked = HashMap<String, String>;

/// An identity provider: who logs in there is `subject`, whatever they say.
struct Fake {
    alg: Alg,
    address: String,
    subject: Mutex<String>,
    codes: Mutex<HashMap<String, Asked>>,
    elliptic: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Fake {
    async fn start(alg: Alg) -> Arc<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let fake = Arc::new(Self {
            alg,
            address: format!("http://{}", listener.local_addr().unwrap()),
            subject: Mutex::new("employee-42".into()),
            codes: Mutex::default(),
            elliptic: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap(),
            rsa: RsaKeyPair::from_pkcs8(RSA).unwrap(),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", on_get(discovery))
            .route("/authorize", on_get(authorize))
            .route("/token", on_post(token))
            .route("/keys", on_get(keys))
            .with_state(Arc::clone(&fake));
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    fn sign(&self, claims: &Json_) -> String {
        let encode = |it: &Json_| URL_SAFE_NO_PAD.encode(it.to_string());
        let (alg, kid) = if self.alg == Alg::Rs256 { ("RS256", "r") } else { ("ES256", "e") };
        let signed = format!("{}.{}", encode(&json!({"alg": alg, "kid": kid, "typ": "JWT"})), encode(claims));
        let random = SystemRandom::new();
        let signature = if self.alg == Alg::Rs256 {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        } else {
            self.elliptic.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

async fn discovery(State(fake): State<Arc<Fake>>) -> Json<Json_> {
    let at = |path: &str| format!("{}/{path}", fake.address);
    Json(json!({
        "issuer": fake.address, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
        "jwks_uri": at("keys"), "response_types_supported": ["code"],
    }))
}

async fn authorize(State(fake): State<Arc<Fake>>, Query(asked): Query<Asked>) -> Response {
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|it| it == value);
    let right = is("response_type", "code") && is("client_id", "anlan") && is("code_challenge_method", "S256");
    if !right || !asked["scope"].split(' ').any(|it| it == "openid") {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let to = format!("{}?code=the-code&state={}", asked["redirect_uri"], asked["state"]);
    fake.codes.lock().unwrap().insert("the-code".into(), asked);
    Redirect::to(&to).into_response()
}

async fn token(State(fake): State<Arc<Fake>>, headers: HeaderMap, Form(given): Form<Asked>) -> Response {
    let who = format!("Basic {}", STANDARD.encode("anlan:s3cret%2Fwith%2Bsigns"));
    let asked = fake.codes.lock().unwrap().remove(&given["code"]);
    let Some(asked) = asked.filter(|_| headers["authorization"] == who.as_str()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(given["code_verifier"].as_bytes()));
    if challenge != asked["code_challenge"] || given["redirect_uri"] != asked["redirect_uri"] {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let now = real_now().0 / 1_000_000;
    let claims = json!({
        "iss": fake.address, "sub": *fake.subject.lock().unwrap(), "aud": "anlan", "iat": now, "exp": now + 60,
        "nonce": asked["nonce"],
    });
    Json(json!({"access_token": "x", "token_type": "Bearer", "id_token": fake.sign(&claims)})).into_response()
}

async fn keys(State(fake): State<Arc<Fake>>) -> Json<Json_> {
    let encode = |it: &[u8]| URL_SAFE_NO_PAD.encode(it);
    let point = fake.elliptic.public_key().as_ref();
    let rsa = PublicKeyComponents::<Vec<u8>>::from(fake.rsa.public_key());
    Json(json!({"keys": [
        {"kty": "EC", "crv": "P-256", "kid": "e", "use": "sig", "x": encode(&point[1..33]), "y": encode(&point[33..])},
        {"kty": "RSA", "kid": "r", "use": "sig", "n": encode(&rsa.n), "e": encode(&rsa.e)},
    ]}))
}

/// A world whose people may log in at the provider.
async fn bed(engine: Engine, fake: &Fake) -> Bed {
    let bed = Bed::new(engine).await;
    let provider = Provider { issuer: fake.address.clone(), client: "anlan".into(), secret: SECRET.into() };
    bed.site.set_oidc(provider).unwrap();
    let admin = bed.signed_in("anquan", "security_admin").await;
    bed.account("zhang", "duty_officer").await;
    let link = form("/accounts/zhang/subject", &[("subject", "employee-42")]);
    assert_eq!(bed.call(with(link, "cookie", &admin)).await.status, StatusCode::SEE_OTHER);
    bed
}

fn asking(path: &str) -> axum::http::Request<axum::body::Body> {
    with(get(path), "host", "anlan.example")
}

/// Leaves for the provider and comes back: the address of the return, and the cookie that went along.
async fn journey(bed: &Bed) -> (String, String) {
    let out = bed.call(asking("/login/oidc?next=%2Fdesk")).await;
    assert_eq!(out.status, StatusCode::SEE_OTHER, "{}", out.text);
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let there = browser.get(out.header("location")).send().await.unwrap();
    let back = there.headers()["location"].to_str().unwrap();
    let path = back.strip_prefix("http://anlan.example").expect("our own address");
    (path.to_owned(), out.cookie())
}

async fn come_back(bed: &Bed, path: &str, cookie: &str) -> Answer {
    bed.call(with(asking(path), "cookie", cookie)).await
}

#[rstest]
#[tokio::test]
async fn whoever_the_provider_knows_gets_the_session_of_their_account(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Alg::Rs256, Alg::Es256)] alg: Alg,
) {
    let fake = Fake::start(alg).await;
    let bed = bed(engine, &fake).await;
    assert!(bed.call(get("/login")).await.text.contains("统一身份认证登录"));
    let (path, cookie) = journey(&bed).await;
    let inside = come_back(&bed, &path, &cookie).await;
    assert_eq!((inside.status, inside.header("location")), (StatusCode::SEE_OTHER, "/desk"), "{}", inside.text);
    let session = inside.headers.get_all("set-cookie").iter().find_map(|it| {
        let text = it.to_str().unwrap().split(';').next().unwrap();
        text.starts_with("anlan-session-").then(|| text.to_owned())
    });
    let me = bed.call(with(get("/api/v1/me"), "cookie", &session.unwrap())).await;
    assert_eq!(me.json()["account"], "zhang");
    assert_eq!(come_back(&bed, &path, &cookie).await.code(), "oidc_failed", "a code opens once");
    let stored = format!("{:?}", bed.world.dump().await.unwrap());
    assert!(!stored.contains("employee-42"), "of the subject only a digest is stored");
}

#[tokio::test]
async fn nobody_comes_in_without_an_account_a_journey_of_their_own_or_a_true_provider() {
    let fake = Fake::start(Alg::Es256).await;
    let bed = bed(Engine::Sqlite, &fake).await;
    let (path, cookie) = journey(&bed).await;
    assert_eq!(bed.call(asking(&path)).await.code(), "stale_login", "another browser");
    let (_, other) = journey(&bed).await;
    assert_eq!(come_back(&bed, &path, &other).await.code(), "stale_login", "another journey");
    assert_eq!(come_back(&bed, "/login/oidc/back?error=access_denied", &cookie).await.code(), "stale_login");
    *fake.subject.lock().unwrap() = "employee-43".into();
    let (path, cookie) = journey(&bed).await;
    let unknown = come_back(&bed, &path, &cookie).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (StatusCode::FORBIDDEN, "unknown_subject"));
    *fake.subject.lock().unwrap() = "employee-42".into();
    anlan_web::accounts::disable(&bed.world, &anlan_kernel::Actor::system("test"), "zhang").await.unwrap();
    let (path, cookie) = journey(&bed).await;
    assert_eq!(come_back(&bed, &path, &cookie).await.code(), "unknown_subject", "a disabled account");
    let plain = Provider { issuer: "http://id.example".into(), client: "anlan".into(), secret: String::new() };
    assert_eq!(bed.second_process().0.set_oidc(plain).unwrap_err().code, "bad_issuer");
}

#[tokio::test]
async fn a_subject_belongs_to_one_account_and_without_a_provider_there_is_no_such_page() {
    let fake = Fake::start(Alg::Es256).await;
    let bed = bed(Engine::Sqlite, &fake).await;
    let admin = bed.signed_in("anquan2", "security_admin").await;
    let link = |login: &str, subject: &str| {
        with(form(&format!("/accounts/{login}/subject"), &[("subject", subject)]), "cookie", &admin)
    };
    assert_eq!(bed.call(link("anquan", "employee-42")).await.code(), "subject_taken");
    assert_eq!(bed.call(link("zhang", "")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(bed.call(link("anquan", "employee-42")).await.status, StatusCode::SEE_OTHER);
    let (_, plain) = bed.second_process();
    assert_eq!(crate::bed::call(&plain, get("/login/oidc")).await.status, StatusCode::NOT_FOUND);
}
