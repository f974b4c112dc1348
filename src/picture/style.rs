//! Colours and strokes, light and dark. Contrast of text is at least 4.5 to 1 on both.
//!
//! Plain rules without variables: also renderers that know no more than SVG 1.1 show them.

/// The style sheet of all pictures.
pub const STYLE: &str = "
.cutline text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;fill:#1b1f24;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}
.cutline .bg{fill:#fff}
.cutline text.h1{font-size:14px;font-weight:700}
.cutline text.name{font-size:12px;font-weight:700}
.cutline text.dim{fill:#57606a}
.cutline text.wrong{fill:#b3201f;font-weight:700}
.cutline text.good{fill:#116329}
.cutline text.cuttext{fill:#6639ba;font-weight:700}
.cutline text.bartext{fill:#0550ae}
.cutline .lane{stroke:#b6bec7;stroke-width:1.5;fill:none}
.cutline .lane.dead{stroke-dasharray:1 5}
.cutline .lane.zombie{stroke-dasharray:6 3;stroke:#8a6d00}
.cutline .msg{stroke:#6e7781;stroke-width:1;fill:none}
.cutline .msghead{fill:#6e7781}
.cutline .band{fill:#6e7781;fill-opacity:.16;stroke:none}
.cutline .captured{stroke:#1a7f37;stroke-width:1.8;fill:none}
.cutline .capturedhead{fill:#1a7f37}
.cutline .wrongline{stroke:#cf222e;stroke-width:3;fill:none}
.cutline .wronghead{fill:#cf222e}
.cutline .bar{stroke:#0969da;stroke-width:1.8;stroke-dasharray:7 3;fill:none}
.cutline .barhead{fill:#0969da}
.cutline .cancel{stroke:#0969da;stroke-width:1.8;stroke-dasharray:2 3;fill:none}
.cutline .end{stroke:#8c959f;stroke-width:1;stroke-dasharray:1 3;fill:none}
.cutline .endhead{fill:#8c959f}
.cutline .lone{fill:#fff;stroke:#6e7781}
.cutline .cut{stroke:#8250df;stroke-width:2.2;stroke-dasharray:10 4 2 4;fill:none}
.cutline .cut.bad{stroke:#cf222e}
.cutline .cut.open{stroke-width:1.4;stroke-dasharray:2 4}
.cutline .blocked{fill:#f2cc60;fill-opacity:.55;stroke:#9a6700;stroke-width:.7}
.cutline .mark{fill:#57606a;stroke:#57606a}
.cutline .snapshot{fill:#8250df;stroke:#8250df}
.cutline .trigger{fill:#0969da;stroke:#0969da}
.cutline .complete,.cutline .commit{fill:#fff;stroke:#1a7f37;stroke-width:2}
.cutline .completedot,.cutline .commitdot{fill:#1a7f37;stroke:none}
.cutline .abort,.cutline .crash,.cutline .fault{fill:none;stroke:#cf222e;stroke-width:2}
.cutline .crash{stroke-width:3}
.cutline .restore,.cutline .fenced{fill:none;stroke:#9a6700;stroke-width:2}
.cutline .ring{fill:none;stroke:#cf222e;stroke-width:2}
.cutline .rule{stroke:#d0d7de;stroke-width:1;fill:none}
.cutline .gap{stroke:#57606a;stroke-width:1;stroke-dasharray:3 3;fill:none}
.cutline .duration{fill:#218bff;fill-opacity:.35;stroke:#0969da}
.cutline .aborted{fill:#ff8182;fill-opacity:.35;stroke:#cf222e;stroke-dasharray:4 2}
.cutline .unfinished{fill:#8c959f;fill-opacity:.25;stroke:#6e7781;stroke-dasharray:2 3}
@media screen and (prefers-color-scheme:dark){
.cutline text{fill:#e6edf3;stroke:#0d1117}
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

/// The head of a picture of this size, with its words for who can't see it.
pub fn open(out: &mut String, size: (i32, i32), about: &str) {
    use std::fmt::Write as _;
    let ((w, h), about) = (size, super::svg::escaped(about));
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cutline\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" aria-label=\"{about}\">\n<style>{STYLE}</style>\n<rect class=\"bg\" width=\"{w}\" height=\"{h}\"/>"
    );
}
