//! Columns of text for people.

/// Lines up the cells; the first row is the head. Columns whose cells below the head are numbers or empty stand to the
/// right.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &'_ Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let numeric = |column| {
        rows.len() > 1
            && rows[1..]
                .iter()
                .map(|row| cell(row, column).replace(',', ""))
                .all(|cell| cell.is_empty() || cell.parse::<f64>().is_ok())
    };
    let shapes: Vec<(usize, bool)> = (0..columns).map(|column| (width(column), numeric(column))).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = shapes
            .iter()
            .enumerate()
            .map(|(column, (width, right))| {
                let text = cell(row, column);
                if *right { format!("{text:>width$}") } else { format!("{text:<width$}") }
            })
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// 1234567 as 1,234,567.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["name", "size"], ["Almost bought", "7"], ["Ü", "1,234"]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows), "name            size\nAlmost bought      7\nÜ              1,234\n");
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
