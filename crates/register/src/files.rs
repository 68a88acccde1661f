//! Files that come in forms.

use anlan_kernel::Problem;
use anlan_web::ApiError;
use axum::extract::Multipart;

/// The first file of a form: its name and its bytes.
///
/// # Errors
/// `no_file`; a body that is no form, or too large.
pub async fn of_form(mut form: Multipart) -> Result<(String, Vec<u8>), ApiError> {
    let broken = |it: axum::extract::multipart::MultipartError| {
        Problem::new("bad_form", "文件没有传完整，请再传一次", format!("the upload broke off: {it}"))
    };
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let Some(name) = part.file_name().map(str::to_owned) else { continue };
        let bytes = part.bytes().await.map_err(broken)?;
        if !bytes.is_empty() {
            return Ok((name, bytes.to_vec()));
        }
    }
    Err(Problem::new("no_file", "没有选文件", "no file was chosen").field("file").into())
}
