//! Where an address is.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use maxminddb::Reader;
use serde::Deserialize;
use whodid_model::event::paths::GEO_COUNTRY;
use whodid_model::{Attributes, Value};

use super::country::{self, Country};
use super::{Facts, add};
use crate::IntakeError;

const ISO_CODE: &str = "geo.country_iso_code";
const CONTINENT: &str = "geo.continent";
const CONTINENT_CODE: &str = "geo.continent_code";

/// The database that ships with the binary, unpacked when first asked. It is `None` only if the file in the source tree
/// is damaged, which a test excludes.
static BUILT_IN: LazyLock<Option<Reader<Vec<u8>>>> = LazyLock::new(|| {
    let packed: &[u8] = include_bytes!("../../../../assets/geo/country.mmdb.zst");
    Reader::from_source(zstd::decode_all(packed).ok()?).ok()
});

/// The geo database in use: another one, or that which ships with the binary.
#[derive(Default)]
pub(super) struct Places {
    given: Option<Reader<Vec<u8>>>,
}

/// A record of any of the usual databases: the flat one with a country code, and those with countries or cities.
#[derive(Deserialize)]
struct Record<'a> {
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Option<CountryRecord<'a>>,
    #[serde(borrow)]
    city: Option<Named<'a>>,
    #[serde(borrow, default)]
    subdivisions: Vec<Named<'a>>,
}

#[derive(Deserialize)]
struct CountryRecord<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    names: Option<Names<'a>>,
}

#[derive(Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

impl Named<'_> {
    fn english(&self) -> Option<&str> {
        self.names.as_ref()?.en
    }
}

impl Places {
    pub(super) fn from_database(bytes: Vec<u8>) -> Result<Places, IntakeError> {
        let unusable = |e: maxminddb::MaxMindDbError| IntakeError::GeoDatabase { reason: e.to_string() };
        Ok(Places { given: Some(Reader::from_source(bytes).map_err(unusable)?) })
    }

    /// What is known of the place; nothing for private and unknown addresses.
    pub(super) fn look_up(&self, ip: IpAddr) -> Facts {
        self.record(ip.to_canonical()).map(|record| facts(&record)).unwrap_or_else(|| Arc::from([]))
    }

    fn record(&self, ip: IpAddr) -> Option<Record<'_>> {
        let database = match &self.given {
            Some(given) => given,
            None => BUILT_IN.as_ref()?,
        };
        database.lookup(ip).ok()?.decode().ok()?
    }
}

fn facts(record: &Record<'_>) -> Facts {
    let code = record.country_code.or(record.country.as_ref().and_then(|c| c.iso_code));
    let mut facts = Vec::with_capacity(6);
    if let Some(country) = code.and_then(country::by_code) {
        facts.push((GEO_COUNTRY, Value::text(country.name)));
        facts.extend(beside_name(country));
    }
    if let Some(name) = record.subdivisions.first().and_then(Named::english) {
        facts.push(("geo.country_subdivision", Value::text(name)));
    }
    if let Some(name) = record.city.as_ref().and_then(Named::english) {
        facts.push(("geo.city", Value::text(name)));
    }
    facts.into()
}

fn beside_name(country: Country) -> [(&'static str, Value); 3] {
    [
        (ISO_CODE, Value::text(country.code)),
        (CONTINENT, Value::text(country.continent)),
        (CONTINENT_CODE, Value::text(country.continent_code)),
    ]
}

/// Whether the event says itself where it happened. Then the address is not asked, and the members that follow from
/// its country, given by name or by code, are filled in.
pub(super) fn complete(attributes: &mut Attributes) -> bool {
    let own = |path: &str| match attributes.get(path) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    let country = match (own(ISO_CODE), own(GEO_COUNTRY)) {
        (Some(code), _) => country::by_code(code),
        (None, Some(text)) => country::by_name(text).or_else(|| country::by_code(text)),
        (None, None) => return own("geo.city").is_some(),
    };
    if let Some(country) = country {
        add(attributes, GEO_COUNTRY, Value::text(country.name));
        for (path, value) in beside_name(country) {
            add(attributes, path, value);
        }
    }
    true
}
