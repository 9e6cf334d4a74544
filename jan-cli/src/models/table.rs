//! Aligned columns of text without borders, so that other programs can parse them.

/// Rows as lines, each column as wide as its widest cell, two spaces between them.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let mut line = cells.collect::<Vec<_>>().join("  ").trim_end().to_owned();
        line.push('\n');
        line
    };
    rows.iter().map(line).collect()
}

/// The row of headings.
pub(super) fn headings<const N: usize>(names: [&str; N]) -> [String; N] {
    names.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_and_lines_have_no_trailing_spaces() {
        let rows = [headings(["MODEL", "BY"]), headings(["é", "me"]), headings(["a-long-name", ""])];
        assert_eq!(table(&rows), "MODEL        BY\né            me\na-long-name\n");
    }
}
