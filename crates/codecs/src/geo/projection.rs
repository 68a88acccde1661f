//! Plane coordinates of surveyors and web maps, back to degrees and forth.

use std::f64::consts::FRAC_PI_2;

use geo_types::Coord;

/// Radius of web Mercator, metres (EPSG:3857).
const RADIUS: f64 = 6_378_137.0;

/// Metres of web Mercator (EPSG:3857) for degrees.
pub fn web_mercator(it: Coord) -> Coord {
    Coord { x: RADIUS * it.x.to_radians(), y: RADIUS * it.y.to_radians().tan().asinh() }
}

/// Degrees for metres of web Mercator (EPSG:3857).
pub fn of_web_mercator(it: Coord) -> Coord {
    Coord { x: (it.x / RADIUS).to_degrees(), y: (it.y / RADIUS).sinh().atan().to_degrees() }
}

/// Transverse Mercator (横轴墨卡托; 高斯–克吕格 when the scale is 1), as the files of the surveying and
/// natural-resources offices have it: three- or six-degree zones on CGCS2000.
///
/// Krüger's series to the fourth order: Karney (2011), J. Geodesy 85, equations 9 to 12 and 35, 36.
/// Better than a millimetre within 10° of the central meridian; positions farther than some 20° are not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransverseMercator {
    /// Semi-major axis of the ellipsoid, metres.
    pub axis: f64,
    /// Inverse flattening of the ellipsoid.
    pub inverse_flattening: f64,
    /// Degrees east.
    pub central_meridian: f64,
    /// Degrees north.
    pub latitude_of_origin: f64,
    /// At the central meridian.
    pub scale: f64,
    /// Metres; with the zone number in front where the zone is part of it.
    pub false_easting: f64,
    /// Metres.
    pub false_northing: f64,
}

impl TransverseMercator {
    /// Gauss–Krüger on CGCS2000.
    pub fn cgcs2000(central_meridian: f64, false_easting: f64) -> Self {
        Self {
            axis: 6_378_137.0,
            inverse_flattening: 298.257_222_101,
            central_meridian,
            latitude_of_origin: 0.0,
            scale: 1.0,
            false_easting,
            false_northing: 0.0,
        }
    }

    /// Metres for degrees.
    pub fn forward(&self, it: Coord) -> Coord {
        let series = self.series();
        let (northing, easting) = self.plane(it);
        Coord {
            x: self.false_easting + self.scale * series.radius * easting,
            y: self.false_northing + self.scale * series.radius * (northing - self.origin()),
        }
    }

    /// Degrees for metres; `None` too far from the central meridian.
    pub fn backward(&self, it: Coord) -> Option<Coord> {
        let series = self.series();
        let unit = self.scale * series.radius;
        let xi = (it.y - self.false_northing) / unit + self.origin();
        let eta = (it.x - self.false_easting) / unit;
        if !(eta.abs() <= 0.4 && xi.abs() <= FRAC_PI_2) {
            return None;
        }
        let (mut north, mut east) = (xi, eta);
        for (k, beta) in (1_u8..).zip(series.beta) {
            let twice = 2.0 * f64::from(k);
            north -= beta * (twice * xi).sin() * (twice * eta).cosh();
            east -= beta * (twice * xi).cos() * (twice * eta).sinh();
        }
        let conformal = north.sin() / (east.sinh().powi(2) + north.cos().powi(2)).sqrt();
        let longitude = east.sinh().atan2(north.cos()).to_degrees() + self.central_meridian;
        Some(Coord { x: longitude, y: self.geodetic(conformal).atan().to_degrees() })
    }

    /// Northing and easting on the unit sphere of the series.
    fn plane(&self, it: Coord) -> (f64, f64) {
        let series = self.series();
        let tau = self.conformal(it.y.to_radians().tan());
        let meridian = (it.x - self.central_meridian).to_radians();
        let north = tau.atan2(meridian.cos());
        let east = (meridian.sin() / tau.hypot(meridian.cos())).asinh();
        let (mut xi, mut eta) = (north, east);
        for (k, alpha) in (1_u8..).zip(series.alpha) {
            let twice = 2.0 * f64::from(k);
            xi += alpha * (twice * north).sin() * (twice * east).cosh();
            eta += alpha * (twice * north).cos() * (twice * east).sinh();
        }
        (xi, eta)
    }

    fn origin(&self) -> f64 {
        self.plane(Coord { x: self.central_meridian, y: self.latitude_of_origin }).0
    }

    fn eccentricity(&self) -> f64 {
        let flattening = 1.0 / self.inverse_flattening;
        (flattening * (2.0 - flattening)).sqrt()
    }

    /// Tangent of the conformal latitude for that of the geodetic one (equations 7 to 9).
    fn conformal(&self, tau: f64) -> f64 {
        let e = self.eccentricity();
        let sigma = (e * (e * tau / tau.hypot(1.0)).atanh()).sinh();
        tau * sigma.hypot(1.0) - sigma * tau.hypot(1.0)
    }

    /// The way back, by Newton's method (equations 19 to 21).
    fn geodetic(&self, conformal: f64) -> f64 {
        let square = self.eccentricity().powi(2);
        let mut tau = conformal;
        for _ in 0..6 {
            let now = self.conformal(tau);
            let slope = (1.0 + (1.0 - square) * tau * tau) / ((1.0 - square) * now.hypot(1.0) * tau.hypot(1.0));
            tau += (conformal - now) * slope;
        }
        tau
    }

    fn series(&self) -> Series {
        let flattening = 1.0 / self.inverse_flattening;
        let n = flattening / (2.0 - flattening);
        let (n2, n3, n4) = (n * n, n.powi(3), n.powi(4));
        Series {
            radius: self.axis / (1.0 + n) * (1.0 + n2 / 4.0 + n4 / 64.0),
            alpha: [
                n / 2.0 - n2 * 2.0 / 3.0 + n3 * 5.0 / 16.0 + n4 * 41.0 / 180.0,
                n2 * 13.0 / 48.0 - n3 * 3.0 / 5.0 + n4 * 557.0 / 1_440.0,
                n3 * 61.0 / 240.0 - n4 * 103.0 / 140.0,
                n4 * 49_561.0 / 161_280.0,
            ],
            beta: [
                n / 2.0 - n2 * 2.0 / 3.0 + n3 * 37.0 / 96.0 - n4 / 360.0,
                n2 / 48.0 + n3 / 15.0 - n4 * 437.0 / 1_440.0,
                n3 * 17.0 / 480.0 - n4 * 37.0 / 840.0,
                n4 * 4_397.0 / 161_280.0,
            ],
        }
    }
}

/// Radius of the rectifying sphere and the coefficients there and back.
struct Series {
    radius: f64,
    alpha: [f64; 4],
    beta: [f64; 4],
}
