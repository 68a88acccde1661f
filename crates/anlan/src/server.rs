//! Listening: plain on this machine, TLS or behind a proxy elsewhere; a taken port is said plainly.

use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    path::Path,
    time::Duration,
};

use anlan_kernel::Lang;
use anlan_web::Mounted;
use axum::{
    Json, Router,
    extract::Request,
    http::Uri,
    middleware::{self, Next},
    response::Redirect,
    routing::get,
};
use axum_server::{Handle, tls_rustls::RustlsConfig};

/// Ports looked at before giving up on an offer.
const OFFERS: u16 = 50;

/// The whole program over HTTP: the world's routes below its base, `/api` of the same world at the
/// root, and `/` leading to the desk.
pub fn app(base: &str, mounted: Mounted) -> Router {
    let Mounted { router, list } = mounted;
    let openapi = anlan_web::openapi(&list);
    let router = router.route("/api/openapi.json", get(async move || Json(openapi)));
    if base.is_empty() {
        return router;
    }
    let (home, prefix) = (format!("{base}/"), base.to_owned());
    let nested = Router::new().nest(base, router).route("/", get(async move || Redirect::temporary(&home)));
    // The world of a call is its credential's: with one world here, `/api` needs no base.
    Router::new().fallback_service(nested).layer(middleware::from_fn(move |request: Request, next: Next| {
        let prefix = prefix.clone();
        async move { next.run(into_world(request, &prefix)).await }
    }))
}

fn into_world(mut request: Request, base: &str) -> Request {
    let path = request.uri().path();
    let shared = path.starts_with("/api/") || path == "/healthz" || path == "/metrics";
    // The first page of a nested router answers without the last stroke only.
    let first = path.strip_prefix(base) == Some("/");
    if shared || first {
        let query = request.uri().query().map(|it| format!("?{it}")).unwrap_or_default();
        let target = if first { base.to_owned() } else { format!("{base}{path}") };
        if let Ok(uri) = format!("{target}{query}").parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// Opens the address, or says what is wrong and which port is free.
///
/// # Errors
/// Words for a person.
pub fn bind(address: SocketAddr, flag: &str, lang: Lang) -> Result<TcpListener, String> {
    match TcpListener::bind(address) {
        Ok(listener) => {
            listener.set_nonblocking(true).map_err(|it| it.to_string())?;
            Ok(listener)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let port = address.port();
            let free = free_port(address.ip(), port);
            let offer = free.map_or_else(String::new, |it| {
                let value =
                    if flag == "--port" { it.to_string() } else { SocketAddr::new(address.ip(), it).to_string() };
                match lang {
                    Lang::Zh => format!("；{it} 端口空闲，可加 {flag} {value}"),
                    Lang::En => format!("; port {it} is free: add {flag} {value}"),
                }
            });
            Err(match lang {
                Lang::Zh => format!("{} 端口 {port} 已被别的程序占用{offer}", address.ip()),
                Lang::En => format!("port {port} of {} is taken by another program{offer}", address.ip()),
            })
        }
        Err(error) => Err(match lang {
            Lang::Zh => format!("{address} 不能监听：{error}"),
            Lang::En => format!("{address}: {error}"),
        }),
    }
}

fn free_port(ip: IpAddr, taken: u16) -> Option<u16> {
    (taken.saturating_add(1)..=taken.saturating_add(OFFERS)).find(|port| TcpListener::bind((ip, *port)).is_ok())
}

/// Refuses to speak to the world in clear.
///
/// # Errors
/// Words for a person.
pub fn check_exposure(address: IpAddr, tls: bool, behind_proxy: bool, lang: Lang) -> Result<(), String> {
    if address.is_loopback() || tls || behind_proxy {
        return Ok(());
    }
    Err(match lang {
        Lang::Zh => format!(
            "{address} 不是本机地址，明文监听会泄露口令和个人信息。请给出 --tls-cert 与 --tls-key，或在前置代理终止 TLS 后加 --behind-proxy"
        ),
        Lang::En => format!(
            "{address} is not a loopback address and passwords would travel in clear; give --tls-cert and --tls-key, or end TLS in a proxy and add --behind-proxy"
        ),
    })
}

/// Serves until `handle` is told to stop.
///
/// # Errors
/// What socket or certificate say.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    tls: Option<(&Path, &Path)>,
    handle: Handle<SocketAddr>,
) -> Result<(), String> {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        None => axum_server::from_tcp(listener)
            .map_err(|it| it.to_string())?
            .handle(handle)
            .serve(service)
            .await
            .map_err(|it| it.to_string()),
        Some((cert, key)) => {
            let config = RustlsConfig::from_pem_file(cert, key)
                .await
                .map_err(|it| format!("{} / {}: {it}", cert.display(), key.display()))?;
            axum_server::from_tcp_rustls(listener, config)
                .map_err(|it| it.to_string())?
                .handle(handle)
                .serve(service)
                .await
                .map_err(|it| it.to_string())
        }
    }
}

/// Waits for Ctrl-C or SIGTERM, then lets open requests finish.
pub async fn stop_on_signal(handle: Handle<SocketAddr>) {
    until_stopped().await;
    handle.graceful_shutdown(Some(Duration::from_secs(3)));
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn until_stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_said_and_another_offered() {
        let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = holder.local_addr().expect("its address");
        let words = bind(address, "--port", Lang::Zh).expect_err("it is taken");
        assert!(words.contains(&format!("端口 {} 已被别的程序占用", address.port())), "{words}");
        assert!(words.contains("--port"), "{words}");
    }

    #[test]
    fn the_world_is_not_spoken_to_in_clear() {
        let anywhere = IpAddr::from([0, 0, 0, 0]);
        assert!(check_exposure(anywhere, false, false, Lang::En).is_err());
        assert!(check_exposure(anywhere, true, false, Lang::En).is_ok());
        assert!(check_exposure(anywhere, false, true, Lang::En).is_ok());
        assert!(check_exposure(IpAddr::from([127, 0, 0, 1]), false, false, Lang::En).is_ok());
    }
}
