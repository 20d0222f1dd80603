//! Columns, as Go's `text/tabwriter` aligns them with Docker's settings (minimum width 10, padding 3).
//!
//! A cell ends with a tab; what follows the last tab of a line is no cell and is not padded. A column is a run of lines that
//! have a cell there, so a line without tabs ends it.

/// Docker's `tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)`.
const MIN_WIDTH: usize = 10;
const PADDING: usize = 3;

/// Aligns `text`, whose cells are separated by tabs.
pub(crate) fn align(text: &str) -> String {
    align_to(text, MIN_WIDTH)
}

/// As [`align`], with columns of at least `min_width`.
pub(crate) fn align_to(text: &str, min_width: usize) -> String {
    let (body, end) = match text.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (text, ""),
    };
    let lines: Vec<Vec<&str>> = body
        .split('\n')
        .map(|line| line.split('\t').collect())
        .collect();
    let mut aligned = vec![String::new(); lines.len()];
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut first = 0;
        while first < lines.len() {
            let run = lines[first..]
                .iter()
                .take_while(|line| line.len() > column + 1)
                .count();
            if run == 0 {
                aligned[first].push_str(lines[first].get(column).unwrap_or(&""));
                first += 1;
                continue;
            }
            let cells = lines[first..first + run].iter().map(|line| line[column]);
            let widest = cells.clone().map(|cell| cell.chars().count()).max();
            let width = (widest.unwrap_or(0) + PADDING).max(min_width);
            for (cell, line) in cells.zip(&mut aligned[first..]) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
            first += run;
        }
    }
    aligned.join("\n") + end
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn aligns_as_docker() {
        assert_eq!(
            align("CONTAINER ID\tx\tNAMES\n70e6697ade8e\t\tex3\n6240dae88230\t1\tweb\n"),
            "CONTAINER ID   x         NAMES\n70e6697ade8e             ex3\n6240dae88230   1         web\n"
        );
        assert_eq!(
            align("a\tb\nplain\nlonger-than-ten\tc"),
            "a         b\nplain\nlonger-than-ten   c"
        );
        assert_eq!(align("é\tb"), "é         b");
        assert_eq!(align(""), "");
    }
}
