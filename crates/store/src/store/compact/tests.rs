use whodid_model::Instant;

use super::*;

const DAY_US: i64 = 86_400_000_000;

fn part(name: &str, month: i64, rows: u64) -> PartInfo {
    let ts = Instant(month * 31 * DAY_US + 5 * DAY_US);
    PartInfo { id: PartId::named(name), rows, bytes: rows * 40, earliest: ts, latest: ts }
}

#[test]
fn four_of_a_size_and_a_month_are_joined() {
    let check = |parts: &[PartInfo], bytes, expected: &[&str]| {
        let found = to_join(parts, bytes);
        assert_eq!(found.into_iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    };
    let small = ["a", "b", "c", "d"].map(|name| part(name, 3, 20));
    check(&small[..3], u64::MAX, &[]);
    check(&small, u64::MAX, &["a", "b", "c", "d"]);
    check(&small, 3 * 20 * 40, &["a", "b", "c"]);
    check(&small, 20 * 40, &[]);
    check(&[&small[..3], &[part("e", 4, 20)]].concat(), u64::MAX, &[]);
    check(&[&small[..3], &[part("e", 3, 80)]].concat(), u64::MAX, &[]);
    let full = ["a", "b", "c", "d"].map(|name| part(name, 3, FULL_PART_ROWS));
    check(&full, u64::MAX, &[]);
    let mut of_years = small.clone();
    of_years[0].earliest = Instant::MIN;
    check(&of_years, u64::MAX, &[]);
}

/// Flush after flush of the same size: few parts, and each row written a few times.
#[test]
fn amplification_stays_small_however_long_it_runs() {
    for flush_rows in [1, 100, 5_000, 50_000] {
        let (mut parts, mut written) = (Vec::<PartInfo>::new(), 0);
        for flush in 0..2_000 {
            let name = format!("{flush:06}");
            let joined: Vec<PartId> = to_join(&parts, u64::MAX).into_iter().cloned().collect();
            let mut rows = flush_rows;
            parts.retain(|part| {
                let stays = !joined.contains(&part.id);
                rows += if stays { 0 } else { part.rows };
                stays
            });
            written += rows;
            parts.push(part(&name, 7, rows));
            let unfull = parts.iter().filter(|part| part.rows < FULL_PART_ROWS).count();
            assert!(unfull <= 3 * 11, "{unfull} parts of flushes of {flush_rows}");
        }
        let amplification = written as f64 / (2_000 * flush_rows) as f64;
        assert!(amplification < 8.0, "{amplification} with flushes of {flush_rows}");
    }
}
