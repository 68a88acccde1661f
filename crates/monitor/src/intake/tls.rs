//! TLS of the intake, with the certificate of the web pages.

use std::{io, path::Path, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

/// How devices are greeted.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// From a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn from_pem(cert: &Path, key: &Path) -> Result<Self, String> {
        let bad = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let chain = CertificateDer::pem_file_iter(cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|it| bad(cert, &it))?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|it| bad(key, &it))?;
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret);
        Ok(Self(TlsAcceptor::from(Arc::new(config.map_err(|it| bad(cert, &it))?))))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}
