//! Pages that need nothing but themselves: no script, no font, no address.

/// The common look: works on a narrow and a wide window, light and dark.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --line: #d8dde3;
  --ours: #0a7d55; --peer: #7f8fa3; --limit: #c2410c; --good: #0a7d55; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #9aa5b1; --paper: #14171a; --line: #333a42;
  --ours: #35b888; --peer: #66758a; --limit: #f0853f; --good: #35b888; --bad: #f97066; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p.note, caption { color: var(--soft); margin: .2rem 0 .8rem; text-align: left; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th.n, td.n { text-align: right; } code { font-size: .88em; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.drawing { overflow-x: auto; } .drawing svg { min-width: 44rem; }
svg .soft { fill: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
";

/// A whole page around `body`, which is HTML already.
pub(crate) fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

/// A drawing `width` wide. A window too narrow for its words scrolls it: shrunk they cannot be read.
pub(crate) fn drawing(width: f64, height: f64, inside: &str) -> String {
    format!(
        "<div class=\"drawing\"><svg viewBox=\"0 0 {width} {height}\" role=\"img\">\n{inside}</svg></div>"
    )
}

/// Text as HTML shows it.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_cannot_become_markup() {
        let page = page("<script>", &escape("a < b & \"c\""));
        assert!(page.contains("&lt;script&gt;") && page.contains("a &lt; b &amp; &quot;c&quot;"));
        assert!(!page.contains("<script"));
    }
}
