//! QR codes (ISO/IEC 18004) as drawings of a page.

use anlan_kernel::Lang;
use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

/// Modules of quiet around the code, as the standard asks.
const QUIET: usize = 4;

/// A code that opens `address`; nothing where the address is too long for one.
pub fn qr(address: &str, lang: Lang) -> Option<Markup> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
    let (width, size) = (code.width(), code.width() + 2 * QUIET);
    let dark = code.to_colors().into_iter().enumerate().filter(|it| it.1 == Color::Dark);
    let path: String = dark.map(|(at, _)| format!("M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET)).collect();
    Some(html! {
        svg.qr viewBox=(format!("0 0 {size} {size}")) role="img" aria-label=(lang.pick("二维码", "QR code")) shape-rendering="crispEdges" {
            rect width="100%" height="100%" fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    })
}
