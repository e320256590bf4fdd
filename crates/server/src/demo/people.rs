//! Who visits the shop.

use super::random::Random;

pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) code: &'static str,
    pub(super) city: &'static str,
    pub(super) continent: &'static str,
    pub(super) continent_code: &'static str,
    pub(super) utc_offset_hours: i8,
    weight: u64,
}

const fn place(
    (country, code, city): (&'static str, &'static str, &'static str),
    (continent, continent_code): (&'static str, &'static str),
    utc_offset_hours: i8,
    weight: u64,
) -> Place {
    Place { country, code, city, continent, continent_code, utc_offset_hours, weight }
}

const AMERICA_NORTH: (&str, &str) = ("North America", "NA");
const AMERICA_SOUTH: (&str, &str) = ("South America", "SA");
const ASIA: (&str, &str) = ("Asia", "AS");
const EUROPE: (&str, &str) = ("Europe", "EU");

const PLACES: [Place; 12] = [
    place(("United States", "US", "New York"), AMERICA_NORTH, -5, 22),
    place(("United States", "US", "San Francisco"), AMERICA_NORTH, -8, 10),
    place(("Brazil", "BR", "São Paulo"), AMERICA_SOUTH, -3, 12),
    place(("Brazil", "BR", "Recife"), AMERICA_SOUTH, -3, 4),
    place(("Germany", "DE", "Berlin"), EUROPE, 1, 12),
    place(("France", "FR", "Paris"), EUROPE, 1, 9),
    place(("United Kingdom", "GB", "London"), EUROPE, 0, 9),
    place(("Spain", "ES", "Madrid"), EUROPE, 1, 5),
    place(("Japan", "JP", "Tokyo"), ASIA, 9, 6),
    place(("India", "IN", "Bengaluru"), ASIA, 5, 6),
    place(("Canada", "CA", "Toronto"), AMERICA_NORTH, -5, 4),
    place(("Netherlands", "NL", "Amsterdam"), EUROPE, 1, 1),
];

/// User agents with their weights.
const AGENTS: [(&str, u64); 7] = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        30,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
        12,
    ),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", 5),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        7,
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        24,
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        18,
    ),
    (
        "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
        4,
    ),
];

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bruno", "Chidi", "Dora", "Emre", "Fatima", "Goran", "Hana", "Igor", "Julia", "Kenji", "Lucia",
    "Mateus", "Nadia", "Oskar", "Priya",
];
const LAST_NAMES: [&str; 12] = [
    "Almeida", "Bauer", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hughes", "Ito", "Jansen", "Kumar",
    "Silva",
];
const COMPANIES: [(&str, &str); 8] = [
    ("acct-arbor", "Arbor Studio"),
    ("acct-birch", "Birch & Sons"),
    ("acct-cedar", "Cedar Hotels"),
    ("acct-drift", "Driftwood Cafés"),
    ("acct-elm", "Elm Street School"),
    ("acct-fern", "Fern Offices"),
    ("acct-grove", "Grove Clinics"),
    ("acct-hazel", "Hazel Interiors"),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Plan {
    Free,
    Trial,
    Premium,
}

impl Plan {
    pub(super) fn name(self) -> &'static str {
        match self {
            Plan::Free => "free",
            Plan::Trial => "trial",
            Plan::Premium => "premium",
        }
    }
}

pub(super) struct Visitor {
    pub(super) anonymous_id: String,
    pub(super) user_id: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) company: Option<(&'static str, &'static str)>,
    pub(super) place: &'static Place,
    pub(super) user_agent: &'static str,
    /// How many visits they make in all.
    pub(super) visits: u32,
    /// 0 just looks, 1 buys whatever it sees.
    pub(super) keenness: f64,
    /// Some never log in.
    pub(super) shy: bool,
    // What changes from visit to visit:
    pub(super) logged_in: bool,
    pub(super) plan: Plan,
    /// Products in the cart, left there from visit to visit.
    pub(super) cart: Vec<u32>,
}

impl Visitor {
    pub(super) fn make_up(index: u32, random: &mut Random) -> Visitor {
        let (first, last) = (*random.pick(&FIRST_NAMES), *random.pick(&LAST_NAMES));
        let regular = random.chance(0.1);
        let mut visits = 1;
        while visits < 40 && random.chance(if regular { 0.85 } else { 0.42 }) {
            visits += 1;
        }
        Visitor {
            anonymous_id: random.uuid(),
            user_id: format!("u-{index:05}"),
            name: format!("{first} {last}"),
            email: format!("{}.{}.{index}@mail.example", first.to_lowercase(), last.to_lowercase()),
            company: random.chance(0.12).then(|| *random.pick(&COMPANIES)),
            place: random.weighted(&PLACES, |place| place.weight),
            user_agent: random.weighted(&AGENTS, |(_, weight)| *weight).0,
            visits,
            keenness: (random.below(1000) as f64 / 1000.0).powi(2) * 0.7 + if regular { 0.3 } else { 0.05 },
            shy: !regular && random.chance(0.45),
            logged_in: false,
            plan: Plan::Free,
            cart: Vec::new(),
        }
    }
}
