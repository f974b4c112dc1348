//! A picture as a real XML parser reads it: its texts with their boxes, and every point that is drawn at.
#![allow(dead_code)]

/// A text, in pixels of the picture.
#[derive(Clone, Debug)]
pub struct Text {
    pub class: String,
    pub words: String,
    /// Left, top, right, bottom: letters of a font of fixed width are 0.6 as wide as they are high.
    pub area: [f64; 4],
}

/// All of a picture.
pub struct Sheet {
    pub size: (f64, f64),
    pub texts: Vec<Text>,
    pub titles: Vec<String>,
    /// Points of lines and shapes with what they belong to.
    pub points: Vec<(f64, f64, String)>,
    /// How many elements there are of each class.
    pub classes: std::collections::BTreeMap<String, usize>,
}

fn number(node: roxmltree::Node, name: &str) -> f64 {
    node.attribute(name).and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// What the groups around an element move it by.
fn moved(node: roxmltree::Node) -> (f64, f64) {
    let moves = node.ancestors().filter_map(|group| group.attribute("transform"));
    moves.fold((0.0, 0.0), |(x, y), text| {
        let inner = text.trim_start_matches("translate(").trim_end_matches(')');
        let mut parts = inner.split_whitespace().map(|part| part.parse::<f64>().expect("a number"));
        (x + parts.next().expect("x"), y + parts.next().expect("y"))
    })
}

impl Sheet {
    pub fn read(svg: &str) -> Sheet {
        let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}: {svg:.300}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2000/svg"));
        let size = (number(root, "width"), number(root, "height"));
        assert_eq!(root.attribute("viewBox"), Some(format!("0 0 {} {}", size.0, size.1).as_str()));
        let mut sheet = Sheet { size, texts: vec![], titles: vec![], points: vec![], classes: Default::default() };
        document.descendants().filter(|node| node.is_element()).for_each(|node| sheet.element(node));
        sheet
    }

    fn element(&mut self, node: roxmltree::Node) {
        let class = node.attribute("class").unwrap_or_default().to_string();
        *self.classes.entry(class.clone()).or_insert(0) += 1;
        let (dx, dy) = moved(node);
        let (x, y) = (number(node, "x") + dx, number(node, "y") + dy);
        let words = node.text().unwrap_or_default().to_string();
        // Without style sheets everything would be black.
        assert!(
            class != "bg" || node.attribute("fill") == Some("#fff"),
            "the ground is white where nothing says otherwise"
        );
        let mut points: Vec<(f64, f64)> = Vec::new();
        match node.tag_name().name() {
            "text" => {
                let size = match class.as_str() {
                    "h1" => 14.0,
                    "name" => 12.0,
                    _ => 11.0,
                };
                let width = words.chars().count() as f64 * size * 0.6;
                let area = [x, y - 0.75 * size, x + width, y + 0.22 * size];
                return self.texts.push(Text { class, words, area });
            }
            "title" => return self.titles.push(words),
            "rect" => points.extend([(x, y), (x + number(node, "width"), y + number(node, "height"))]),
            "circle" => {
                let (x, y, r) = (number(node, "cx") + dx, number(node, "cy") + dy, number(node, "r"));
                points.extend([(x - r, y - r), (x + r, y + r)]);
            }
            "path" => {
                let path = node.attribute("d").expect("a path has points");
                let numbers = path.split(|c: char| c.is_ascii_alphabetic() || c == ' ').filter(|part| !part.is_empty());
                let numbers: Vec<f64> = numbers.map(|part| part.parse().expect("a number")).collect();
                points.extend(numbers.chunks(2).map(|point| (point[0] + dx, point[1] + dy)));
            }
            "svg" | "style" | "g" => {}
            other => panic!("an element that nobody expects: {other}"),
        }
        self.points.extend(points.into_iter().map(|(x, y)| (x, y, class.clone())));
    }

    /// Texts that run into each other.
    pub fn overlaps(&self) -> Vec<(String, String)> {
        let meet = |a: &[f64; 4], b: &[f64; 4]| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
        let mut found = Vec::new();
        for (i, one) in self.texts.iter().enumerate() {
            let others = self.texts[i + 1..].iter().filter(|other| meet(&one.area, &other.area));
            found.extend(others.map(|other| (one.words.clone(), other.words.clone())));
        }
        found
    }

    /// What is drawn outside of the picture.
    pub fn outside(&self) -> Vec<String> {
        let (w, h) = self.size;
        let out = |x: f64, y: f64| x < 0.0 || y < 0.0 || x > w || y > h;
        let texts = self.texts.iter().filter(|t| out(t.area[0], t.area[1]) || out(t.area[2], t.area[3]));
        let texts = texts.map(|text| text.words.clone());
        let points = self.points.iter().filter(|(x, y, _)| out(*x, *y)).map(|(x, y, class)| format!("{class} {x} {y}"));
        texts.chain(points).collect()
    }

    /// Everything that is right with every picture.
    pub fn check(&self, what: &str) {
        assert!(self.outside().is_empty(), "{what}: outside of the picture: {:?}", self.outside());
        assert!(self.overlaps().is_empty(), "{what}: texts run into each other: {:?}", self.overlaps());
    }

    pub fn has(&self, class: &str, part: &str) -> bool {
        self.texts.iter().any(|text| text.class == class && text.words.contains(part))
    }
}
