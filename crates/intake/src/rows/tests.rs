use super::*;

fn rows(text: &[u8]) -> Result<Vec<(u64, Vec<String>)>, String> {
    let mut reader = CsvReader::open(text).map_err(|error| error.to_string())?;
    let (mut row, mut rows) = (CsvRow::default(), Vec::new());
    while reader.next(&mut row).map_err(|error| error.to_string())? {
        rows.push((row.line, row.cells().map(str::to_string).collect()));
    }
    Ok(rows)
}

#[test]
fn rows_come_with_the_lines_that_they_begin_on() {
    let check = |text: &str, expected: &[(u64, &[&str])]| {
        let found = rows(text.as_bytes()).unwrap();
        let found: Vec<(u64, Vec<&str>)> =
            found.iter().map(|(line, cells)| (*line, cells.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(u64, Vec<&str>)> =
            expected.iter().map(|(line, cells)| (*line, cells.to_vec())).collect();
        assert_eq!(found, expected, "{text:?}");
    };
    check("", &[]);
    check("\n\r\n\n", &[]);
    check("a", &[(1, &["a"])]);
    check("a,b\nc,d\n", &[(1, &["a", "b"]), (2, &["c", "d"])]);
    check("a;b\r\n\r\nc;d", &[(1, &["a", "b"]), (3, &["c", "d"])]);
    check("a\rb\rc", &[(1, &["a"]), (2, &["b"]), (3, &["c"])]);
    check("\"a\nb\",\"c\"\"d\"\ne,f", &[(1, &["a\nb", "c\"d"]), (3, &["e", "f"])]);
    check("a\n\"\"\nb", &[(1, &["a"]), (2, &[""]), (3, &["b"])]);
    check("a,\n,", &[(1, &["a", ""]), (2, &["", ""])]);
    check("\u{feff}ä\tb", &[(1, &["ä", "b"])]);
    check("5\" disk,b", &[(1, &["5\" disk", "b"])]);
}

#[test]
fn what_is_not_csv_in_utf8_is_called_by_its_name() {
    let check = |text: &[u8], expected: &str| {
        let error = rows(text).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(b"\xff\xfea\0b\0", "UTF-16 (little endian)");
    check(b"\xfe\xff\0a\0b", "UTF-16 (big endian)");
    check(b"i\0d\0\n\0", "UTF-16 (little endian)");
    check(b"\xff\xfe\0\0a\0\0\0", "UTF-32");
    check(b"PK\x03\x04rest", "Excel");
    check(b"name\nJos\xe9\n", "line 2: the byte E9 is not UTF-8; the file looks like Latin-1");
    check(b"name\ncut \xc3", "line 2");
    check(b"a\nb,\"c\nd", "line 2: a quote is opened here and never closed");
    check(b"\x1f\x8bnot really", "cannot be decompressed");
}

#[test]
fn pieces_of_any_size_read_alike() {
    struct Pieces<'a>(&'a [u8], usize);
    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }
    let text = "name,note\r\nJosé,\"äöü\r\n\"\"x\"\"\"\r\n日本,\r\n".as_bytes();
    let whole = rows(text).unwrap();
    for size in 1..9 {
        let mut reader = CsvReader::open(Pieces(text, size)).unwrap();
        let (mut row, mut rows) = (CsvRow::default(), Vec::new());
        while reader.next(&mut row).unwrap() {
            rows.push((row.line, row.cells().map(str::to_string).collect::<Vec<_>>()));
        }
        assert_eq!(rows, whole, "{size}");
    }
}
