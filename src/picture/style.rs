//! Colours and strokes, light and dark. Contrast of text is at least 4.5 to 1 on both.
//!
//! Light is in the attributes of elements: viewers that forbid styles, as Jenkins does by default, and renderers that
//! know no more than SVG 1.1 show it. A style sheet, where there may be one, makes it dark for who prefers that.

/// Fonts in which all letters are equally wide.
const FONTS: &str = "ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,Liberation Mono,monospace";

/// The attributes of each class, in the order of their names.
const LIGHT: &[(&str, &str)] = &[
    ("abort", "fill=\"none\" stroke=\"#cf222e\" stroke-width=\"2\""),
    ("aborted", "fill=\"#ff8182\" fill-opacity=\"0.35\" stroke=\"#cf222e\" stroke-dasharray=\"4 2\""),
    ("aside", "opacity=\"0.4\""),
    ("band", "fill=\"#6e7781\" fill-opacity=\"0.16\" stroke=\"none\""),
    ("bar", "stroke=\"#0969da\" stroke-width=\"1.8\" stroke-dasharray=\"7 3\" fill=\"none\""),
    ("barhead", "fill=\"#0969da\""),
    ("bartext", "fill=\"#0550ae\""),
    ("bg", "fill=\"#fff\""),
    ("blocked", "fill=\"#f2cc60\" fill-opacity=\"0.55\" stroke=\"#9a6700\" stroke-width=\"0.7\""),
    ("cancel", "stroke=\"#0969da\" stroke-width=\"1.8\" stroke-dasharray=\"2 3\" fill=\"none\""),
    ("captured", "stroke=\"#1a7f37\" stroke-width=\"1.8\" fill=\"none\""),
    ("capturedhead", "fill=\"#1a7f37\""),
    ("commit", "fill=\"#fff\" stroke=\"#1a7f37\" stroke-width=\"2\""),
    ("commitdot", "fill=\"#1a7f37\" stroke=\"none\""),
    ("complete", "fill=\"#fff\" stroke=\"#1a7f37\" stroke-width=\"2\""),
    ("completedot", "fill=\"#1a7f37\" stroke=\"none\""),
    ("crash", "fill=\"none\" stroke=\"#cf222e\" stroke-width=\"3\""),
    ("cut", "stroke=\"#8250df\" stroke-width=\"2.2\" stroke-dasharray=\"10 4 2 4\" fill=\"none\""),
    ("cut bad", "stroke=\"#cf222e\" stroke-width=\"2.2\" stroke-dasharray=\"10 4 2 4\" fill=\"none\""),
    ("cut open", "stroke=\"#8250df\" stroke-width=\"1.4\" stroke-dasharray=\"2 4\" fill=\"none\""),
    ("cuttext", "fill=\"#6639ba\" font-weight=\"700\""),
    ("dim", "fill=\"#57606a\""),
    ("duration", "fill=\"#218bff\" fill-opacity=\"0.35\" stroke=\"#0969da\""),
    ("end", "stroke=\"#8c959f\" stroke-width=\"1\" stroke-dasharray=\"1 3\" fill=\"none\""),
    ("endhead", "fill=\"#8c959f\""),
    ("fault", "fill=\"none\" stroke=\"#cf222e\" stroke-width=\"2\""),
    ("fenced", "fill=\"none\" stroke=\"#9a6700\" stroke-width=\"2\""),
    ("gap", "stroke=\"#57606a\" stroke-width=\"1\" stroke-dasharray=\"3 3\" fill=\"none\""),
    ("good", "fill=\"#116329\""),
    ("h1", "font-size=\"14\" font-weight=\"700\""),
    ("lane", "stroke=\"#b6bec7\" stroke-width=\"1.5\" fill=\"none\""),
    ("lane dead", "stroke=\"#b6bec7\" stroke-width=\"1.5\" fill=\"none\" stroke-dasharray=\"1 5\""),
    ("lane zombie", "stroke=\"#8a6d00\" stroke-width=\"1.5\" fill=\"none\" stroke-dasharray=\"6 3\""),
    ("lone", "fill=\"#fff\" stroke=\"#6e7781\""),
    ("mark", "fill=\"#57606a\" stroke=\"#57606a\""),
    ("msg", "stroke=\"#6e7781\" stroke-width=\"1\" fill=\"none\""),
    ("msghead", "fill=\"#6e7781\""),
    ("name", "font-size=\"12\" font-weight=\"700\""),
    ("restore", "fill=\"none\" stroke=\"#9a6700\" stroke-width=\"2\""),
    ("ring", "fill=\"none\" stroke=\"#cf222e\" stroke-width=\"2\""),
    ("rule", "stroke=\"#d0d7de\" stroke-width=\"1\" fill=\"none\""),
    ("s0", "fill=\"#0969da\" stroke=\"#0969da\""),
    ("s0 form", "fill=\"none\" stroke=\"#0969da\" stroke-dasharray=\"4 3\" stroke-opacity=\"0.65\""),
    ("s1", "fill=\"#bc4c00\" stroke=\"#bc4c00\""),
    ("s1 form", "fill=\"none\" stroke=\"#bc4c00\" stroke-dasharray=\"4 3\" stroke-opacity=\"0.65\""),
    ("s2", "fill=\"#1a7f37\" stroke=\"#1a7f37\""),
    ("s2 form", "fill=\"none\" stroke=\"#1a7f37\" stroke-dasharray=\"4 3\" stroke-opacity=\"0.65\""),
    ("s3", "fill=\"#8250df\" stroke=\"#8250df\""),
    ("s3 form", "fill=\"none\" stroke=\"#8250df\" stroke-dasharray=\"4 3\" stroke-opacity=\"0.65\""),
    ("s4", "fill=\"none\" stroke=\"#cf222e\" stroke-width=\"2\""),
    ("s4 form", "fill=\"none\" stroke=\"#cf222e\" stroke-dasharray=\"4 3\" stroke-opacity=\"0.65\""),
    ("snapshot", "fill=\"#8250df\" stroke=\"#8250df\""),
    ("texts", "stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\""),
    ("trigger", "fill=\"#0969da\" stroke=\"#0969da\""),
    ("unfinished", "fill=\"#8c959f\" fill-opacity=\"0.25\" stroke=\"#6e7781\" stroke-dasharray=\"2 3\""),
    ("wrong", "fill=\"#b3201f\" font-weight=\"700\""),
    ("wronghead", "fill=\"#cf222e\""),
    ("wrongline", "stroke=\"#cf222e\" stroke-width=\"3\" fill=\"none\""),
];

/// The style sheet of all pictures.
const STYLE: &str = "
@media screen and (prefers-color-scheme:dark){
.cutline text{fill:#e6edf3}
.cutline .texts{stroke:#0d1117}
.cutline .bg{fill:#0d1117}
.cutline text.dim{fill:#9da7b3}
.cutline text.wrong{fill:#ff8f87}
.cutline text.good{fill:#7ee787}
.cutline text.cuttext{fill:#d2a8ff}
.cutline text.bartext{fill:#79c0ff}
.cutline .lane{stroke:#484f58}
.cutline .lane.zombie{stroke:#d4a72c}
.cutline .msg{stroke:#9198a1}
.cutline .msghead{fill:#9198a1}
.cutline .band{fill:#9198a1}
.cutline .captured{stroke:#3fb950}
.cutline .capturedhead{fill:#3fb950}
.cutline .wrongline,.cutline .cut.bad,.cutline .ring{stroke:#ff6a61}
.cutline .wronghead{fill:#ff6a61}
.cutline .bar,.cutline .cancel{stroke:#58a6ff}
.cutline .barhead{fill:#58a6ff}
.cutline .lone{fill:#0d1117;stroke:#9198a1}
.cutline .cut{stroke:#bc8cff}
.cutline .blocked{fill:#d29922;fill-opacity:.4;stroke:#d29922}
.cutline .mark{fill:#9da7b3;stroke:#9da7b3}
.cutline .snapshot{fill:#bc8cff;stroke:#bc8cff}
.cutline .trigger{fill:#58a6ff;stroke:#58a6ff}
.cutline .complete,.cutline .commit{fill:#0d1117;stroke:#3fb950}
.cutline .completedot,.cutline .commitdot{fill:#3fb950}
.cutline .abort,.cutline .crash,.cutline .fault{stroke:#ff6a61}
.cutline .restore,.cutline .fenced{stroke:#d4a72c}
.cutline .rule{stroke:#30363d}
.cutline .gap{stroke:#9da7b3}
}
";

/// A picture with the attributes of its classes written out. What comes from files has no quotation marks, so nothing
/// else looks like a class.
pub fn plain(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len() * 2);
    let mut rest = svg;
    while let Some(at) = rest.find(" class=\"") {
        let from = at + " class=\"".len();
        let Some(end) = rest[from..].find('"').map(|end| from + end) else { break };
        out.push_str(&rest[..=end]);
        if let Ok(found) = LIGHT.binary_search_by_key(&&rest[from..end], |(class, _)| class) {
            out.push(' ');
            out.push_str(LIGHT[found].1);
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

/// The head of a picture of this size, with its words for who can't see it.
pub fn open(out: &mut String, size: (i32, i32), about: &str) {
    use std::fmt::Write as _;
    let ((w, h), about) = (size, super::svg::escaped(about));
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cutline\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" font-family=\"{FONTS}\" font-size=\"11\" fill=\"#1b1f24\" aria-label=\"{about}\">\n<style>{STYLE}</style>\n<rect class=\"bg\" width=\"{w}\" height=\"{h}\"/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_order_and_become_attributes() {
        assert!(LIGHT.is_sorted_by(|(a, _), (b, _)| a < b), "they are looked up by halving");
        let svg =
            plain("<path class=\"cut bad\" d=\"\"/><text class=\"\">a class=&quot;bg&quot;</text><g class=\"no\">");
        assert!(svg.starts_with("<path class=\"cut bad\" stroke=\"#cf222e\""), "{svg}");
        assert!(svg.ends_with(" d=\"\"/><text class=\"\">a class=&quot;bg&quot;</text><g class=\"no\">"), "{svg}");
    }
}
