//! Links between the files of the tree.
use std::path::Path;

use super::Finding;

/// Relative links of a Markdown text to files that are not there. Links into the network are not followed.
pub(super) fn check(file: &Path, text: &str) -> Vec<Finding> {
    let folder = file.parent().unwrap_or(file);
    let mut findings = Vec::new();
    let mut code = false;
    for (index, line) in text.lines().enumerate() {
        code ^= line.trim_start().starts_with("```");
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        for target in targets(&plain).filter(|_| !code) {
            let path = target.split('#').next().unwrap_or_default();
            let outside = target.contains("://") || target.starts_with("mailto:");
            if !outside && !path.is_empty() && !folder.join(path).exists() {
                findings.push(Finding::new(file, index + 1, format!("dead link to {target}")));
            }
        }
    }
    findings
}

/// What stands in the round brackets of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, _)| Some(line[at + 2..].split_once(')')?.0.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_nothing_is_found_with_its_line_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("there.md"), "").unwrap();
        let text = "[a](there.md) [b](there.md#part) [c](https://example.org/x)\n\
                    [`d`](gone.md)\n`[e](code.md)` [f](#here)\n```\n[g](block.md)\n```\n";
        let found = check(&dir.path().join("README.md"), text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().ends_with("README.md:2: dead link to gone.md"), "{}", found[0]);
    }
}
