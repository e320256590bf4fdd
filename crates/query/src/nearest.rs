//! What someone may have meant who wrote an unknown name.

/// The known name with the fewest edits, if a slip of the hand explains the difference.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let most_edits = 1 + name.chars().count().min(40) / 4;
    let edits = |other: &'k str| (edit_distance(name, other, most_edits), other);
    let (edits, other) = known.iter().copied().map(edits).min()?;
    (edits <= most_edits).then_some(other)
}

/// Insertions, deletions and replacements between two texts; more than `limit` when their lengths alone say so.
fn edit_distance(a: &str, b: &str, limit: usize) -> usize {
    let b: Vec<char> = b.chars().collect();
    let a_len = a.chars().count();
    if a_len.abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
